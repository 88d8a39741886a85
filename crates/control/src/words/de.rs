//! German.

use super::{NoticeWords, TrayWords, Words};

pub(super) static WORDS: Words = Words {
    tray: TrayWords {
        running_on: |address| format!("Läuft auf {address}"),
        offline: |backends| format!("{backends} nicht erreichbar"),
        coder: |model| format!("Coder {model}"),
        requests_today: |count| format!("{count} {} heute", requests(count)),
        stopping: |running| match running {
            0 => "Hält an".into(),
            1 => "Hält an: 1 Anfrage darf noch fertig werden".into(),
            _ => format!("Hält an: {running} Anfragen dürfen noch fertig werden"),
        },
        stopped: |cut_off| match cut_off {
            0 => "Angehalten".into(),
            1 => "Angehalten; 1 Anfrage wurde abgeschnitten".into(),
            _ => format!("Angehalten; {cut_off} Anfragen wurden abgeschnitten"),
        },
        not_running: "Läuft nicht",
        held: "Alles bleibt lokal: Eine Einstellung ist nicht lesbar",
        start: "Starten",
        stop: "Anhalten",
        use_port: |port| format!("Stattdessen Port {port} nehmen"),
        route: |mode| format!("Betriebsart: {mode}"),
        auto: "Automatisch",
        local: "Alles lokal",
        cloud: "Alles Cloud",
        dispatcher: "Verteiler",
        open_window: "Fenster öffnen",
        copy_env: "Variablen kopieren",
        fallbacks: "Zuletzt eingesprungen",
        autostart: "Beim Anmelden starten",
        quit: "Beenden",
        day: "%-d.%-m.",
    },
    notices: NoticeWords {
        offline: |backend| format!("{backend} ist nicht erreichbar"),
        back: |backend| format!("{backend} ist wieder da"),
        back_body: "Es antwortet wieder.",
        fallback: |cloud, from| {
            let side = if cloud { "Von der Cloud beantwortet" } else { "Von einem lokalen Modell beantwortet" };
            format!("{side}{}", instead(from))
        },
        fallbacks: |count, from| format!("{count} weitere Anfragen anderswo beantwortet{}", instead(from)),
        escalated: "Eine Runde ist auf ein stärkeres Modell gewechselt",
        escalated_more: |count| match count {
            1 => "1 weitere Runde ist auf ein stärkeres Modell gewechselt".into(),
            _ => format!("{count} weitere Runden sind auf ein stärkeres Modell gewechselt"),
        },
        budget_met: "Das Tagesbudget ist erreicht",
        budget_near: "Das Tagesbudget geht zu Ende",
        budget_refuse: "Die Cloud wird bis Mitternacht abgelehnt.",
        budget_local: "Bis Mitternacht bleibt alles lokal.",
        budget_used: |percent| format!("{percent} % sind verbraucht."),
        not_started: "Branchline konnte nicht starten",
        bad_settings: "Die Einstellungsdatei wird nicht benutzt",
        stopped: "Branchline ist angehalten",
        cut_off: |count| match count {
            1 => "1 Anfrage wurde abgeschnitten.".into(),
            _ => format!("{count} Anfragen wurden abgeschnitten."),
        },
    },
    port_taken: |port, holder| format!("Port {port} ist von {} belegt", holder.unwrap_or("einem anderen Programm")),
};

const fn requests(count: u64) -> &'static str {
    if count == 1 { "Anfrage" } else { "Anfragen" }
}

fn instead(from: &str) -> String {
    if from.is_empty() { String::new() } else { format!(" statt von {from}") }
}
