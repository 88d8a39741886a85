//! Links and anchors. Those to the world outside are not asked: tests need no network.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use super::{files, root};

/// Text outside of code: what stands between backticks is an example, not a link.
fn prose(text: &str) -> String {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        let fence = line.trim_start().starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    });
    lines.map(|line| line.split('`').step_by(2).collect::<Vec<_>>().join(" ")).collect::<Vec<_>>().join("\n")
}

/// Where links and pictures point.
fn targets(text: &str) -> Vec<String> {
    let prose = prose(text);
    let links = prose.split("](").skip(1).filter_map(|rest| rest.split_once(')')).map(|(target, _)| target);
    let sources = ["src=\"", "srcset=\"", "href=\""].into_iter().flat_map(|name| prose.split(name).skip(1));
    let pictures = sources.filter_map(|rest| rest.split_once('"')).map(|(target, _)| target);
    links.chain(pictures).map(str::to_owned).collect()
}

/// The anchors of a page's headings, as code forges make them.
fn anchors(text: &str) -> BTreeSet<String> {
    let mut fenced = false;
    let headings = text.lines().filter(|line| {
        fenced ^= line.starts_with("```");
        !fenced && line.starts_with('#')
    });
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.collect::<String>().to_lowercase().replace(' ', "-")
}

fn broken(page: &Path, target: &str) -> Option<String> {
    if target.starts_with("https://") || target.starts_with("http://127.0.0.1") {
        return None;
    }
    let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { page.to_owned() } else { page.parent().unwrap().join(file) };
    if !file.exists() {
        return Some(format!("{}: there is no {target}", page.display()));
    }
    let text = if anchor.is_empty() { return None } else { fs::read_to_string(&file).unwrap() };
    (!anchors(&text).contains(anchor)).then(|| format!("{}: {target} has no such heading", page.display()))
}

#[test]
fn every_link_leads_somewhere() {
    let (mut links, mut all) = (0, Vec::new());
    for page in files(&root(), "md") {
        for target in targets(&fs::read_to_string(&page).unwrap()) {
            links += 1;
            all.extend(broken(&page, &target));
        }
    }
    assert!(all.is_empty(), "{all:#?}");
    assert!(links > 50, "only {links} links were found");
}

#[test]
fn every_page_can_be_reached_from_the_index() {
    let index = root().join("docs/README.md");
    let linked = targets(&fs::read_to_string(&index).unwrap());
    let missing: Vec<String> = files(&root().join("docs"), "md")
        .iter()
        .filter(|page| **page != index)
        .map(|page| page.strip_prefix(root().join("docs")).unwrap().display().to_string())
        .filter(|page| !linked.iter().any(|target| target.split('#').next() == Some(page)))
        .collect();
    assert!(missing.is_empty(), "docs/README.md does not name {missing:?}");
}

#[test]
fn a_broken_link_is_found() {
    let page = root().join("README.md");
    assert!(broken(&page, "docs/nowhere.md").is_some());
    assert!(broken(&page, "docs/rules.md#nothing").is_some());
    assert!(broken(&page, "docs/rules.md#coming-from-another-router").is_none());
    assert_eq!(targets("see [this](a.md#b) and `[not](c)` <img src=\"d.png\">"), ["a.md#b", "d.png"]);
}
