//! Chinese, simplified.

use super::{NoticeWords, TrayWords, Words};

pub(super) static WORDS: Words = Words {
    tray: TrayWords {
        running_on: |address| format!("运行于 {address}"),
        offline: |backends| format!("{backends} 离线"),
        coder: |model| format!("编码 {model}"),
        requests_today: |count| format!("今天 {count} 个请求"),
        stopping: |running| match running {
            0 => "正在停止".into(),
            _ => format!("正在停止：还有 {running} 个请求可以完成"),
        },
        stopped: |cut_off| match cut_off {
            0 => "已停止".into(),
            _ => format!("已停止；{cut_off} 个请求被中断"),
        },
        not_running: "未运行",
        held: "全部留在本地：有设置无法读取",
        start: "启动",
        stop: "停止",
        use_port: |port| format!("改用端口 {port}"),
        route: |mode| format!("路由：{mode}"),
        auto: "自动",
        local: "全部本地",
        cloud: "全部云端",
        dispatcher: "调度",
        open_window: "打开窗口",
        copy_env: "复制环境变量",
        fallbacks: "最近的替补",
        autostart: "登录时启动",
        quit: "退出",
        day: "%-m月%-d日",
    },
    notices: NoticeWords {
        offline: |backend| format!("{backend} 已离线"),
        back: |backend| format!("{backend} 已恢复"),
        back_body: "它又能响应了。",
        fallback: |cloud, from| {
            let side = if cloud { "由云端回答" } else { "由本地模型回答" };
            format!("{side}{}", instead(from))
        },
        fallbacks: |count, from| format!("又有 {count} 个请求在别处回答{}", instead(from)),
        escalated: "一个轮次已移交更强的模型",
        escalated_more: |count| format!("又有 {count} 个轮次已移交更强的模型"),
        budget_met: "今日预算已用完",
        budget_near: "今日预算即将用完",
        budget_refuse: "零点前拒绝使用云端。",
        budget_local: "零点前一切留在本地。",
        budget_used: |percent| format!("已用 {percent} %。"),
        not_started: "Branchline 无法启动",
        bad_settings: "设置文件未被使用",
        stopped: "Branchline 已停止",
        cut_off: |count| format!("{count} 个请求被中断。"),
    },
    port_taken: |port, holder| match holder {
        Some(holder) => format!("端口 {port} 已被 {holder} 占用"),
        None => format!("端口 {port} 已被其他程序占用"),
    },
};

fn instead(from: &str) -> String {
    if from.is_empty() { String::new() } else { format!("，代替 {from}") }
}
