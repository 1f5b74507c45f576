//! The configurations in the guide, and the keys that it documents.

use repass::Config;

use crate::configuration_keys;
use crate::pages::{all, read, samples};

#[test]
fn every_sample_of_a_configuration_loads() {
    let mut loaded = 0;
    for (path, page) in all() {
        for sample in samples(&page)
            .iter()
            .filter(|it| it.language == "toml" && !it.before.contains("Cargo.toml"))
        {
            if let Err(error) = Config::from_toml(&sample.text) {
                panic!("{path}:\n{}\n{error}", sample.text);
            }
            loaded += 1;
        }
    }
    assert!(loaded > 4, "the samples were found");
}

#[test]
fn every_configuration_key_is_documented() {
    let page = read("docs/guide/configure.md");
    let keys = configuration_keys::all();
    assert!(keys.len() > 40, "the keys were found: {keys:?}");
    assert!(keys.iter().any(|key| key == "plan"), "the kinds' keys were found");
    for key in keys {
        let reported = page.contains(&format!("`{key}`")) || page.contains(&format!("{key} = "));
        assert!(reported, "configure.md does not document `{key}`");
    }
}
