//! Links between the pages.

use crate::pages::{all, read, root, section};

#[test]
fn every_link_between_pages_resolves() {
    let mut seen = 0;
    for (path, page) in all() {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for link in page.split("](").skip(1) {
            let target = link.split(')').next().unwrap();
            if target.starts_with("https://") || target.starts_with("crate") {
                continue;
            }
            let (file, anchor) = target.split_once('#').unwrap_or((target, ""));
            let file = if file.is_empty() {
                root().join(&path)
            } else {
                root().join(folder).join(file)
            };
            assert!(file.exists(), "{path} links {target}");
            let text = std::fs::read_to_string(&file).unwrap_or_default();
            let found = anchor.is_empty() || section(&text, anchor).is_some();
            assert!(found, "{path} links {target}, which is no heading");
            seen += 1;
        }
    }
    assert!(seen > 20, "the links were found");
}

#[test]
fn every_page_is_in_the_index_and_the_index_in_the_readme() {
    let index = read("docs/guide/index.md");
    for (path, _) in all() {
        let Some(name) = path
            .strip_prefix("docs/guide/")
            .filter(|name| *name != "index.md")
        else {
            continue;
        };
        assert!(
            index.contains(&format!("]({name})")),
            "{path} is not in the index"
        );
    }
    assert!(read("README.md").contains("](docs/guide/index.md)"));
}
