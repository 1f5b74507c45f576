//! Tables in files of their own.

use super::*;

const PROVIDER: &str = "[providers.git]\nkind = \"http\"\nbase_url = \"https://git.example.com\"\n\
                        auth = { kind = \"bearer\", token = { env = \"T\" } }\ntable = \"git.toml\"\n";

const TABLE: &str = r#"
[reset]
method = "POST"
path = "/users/{id}"
body = { password = "{new}" }

[lookup]
path = "/users/{user}"
id = "/id"
same = "/id"

[[rows]]
status = 200
at = "/id"
is = "{id}"
then = "applied"

[[rows]]
status = 404
at = "/message"
then = "refused"
kind = "user_not_found"
"#;

/// What is wrong with this section and this table, by the names of their files.
fn reported(provider: &str, table: &str) -> Vec<String> {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("repass.toml");
    fs::write(&path, provider).unwrap();
    fs::write(directory.path().join("git.toml"), table).unwrap();
    let folder = format!("{}/", directory.path().display());
    let Err(error) = Config::load(Some(&path), []) else {
        return vec![];
    };
    let problems = error.problems().iter();
    problems
        .map(|problem| problem.to_string().replace(&folder, ""))
        .collect()
}

#[test]
fn problem_of_a_table_is_reported_at_its_line_in_the_file_of_the_table() {
    assert_eq!(reported(PROVIDER, TABLE), [""; 0]);
    for (part, instead, expected) in [
        (
            "/users/{user}",
            "users/{user}",
            "git.toml:8: providers.git.lookup.path: must begin",
        ),
        (
            "status = 404",
            "status = 500",
            "git.toml:18: providers.git.rows[1]: says refused",
        ),
        ("{new}", "{newest}", "git.toml:5: providers.git.reset.body"),
        ("[lookup]", "[lookup", "git.toml:7: not TOML: "),
    ] {
        let reported = reported(PROVIDER, &TABLE.replace(part, instead));
        assert!(
            reported.iter().any(|problem| problem.starts_with(expected)),
            "{expected}: {reported:?}"
        );
    }
}

#[test]
fn problem_of_a_key_is_reported_where_the_key_stands() {
    let lookup = "lookup = { path = \"users/{user}\", id = \"/id\", same = \"/id\" }\n";
    let misread = reported(&format!("{PROVIDER}{lookup}"), TABLE);
    assert_eq!(misread.len(), 1, "{misread:?}");
    let expected = "repass.toml:6: providers.git.lookup.path: must begin";
    assert!(misread[0].starts_with(expected), "{misread:?}");
    let without = TABLE
        .replace("[reset]", "[other]")
        .replace("[lookup]", "[headers]");
    let absent = reported(PROVIDER, &without);
    assert!(
        absent
            .iter()
            .all(|problem| problem.starts_with("git.toml: providers.git.reset: ")),
        "{absent:?}"
    );
}

#[test]
fn problem_of_a_row_is_reported_at_its_line() {
    let rows = "rows = [\n    { status = 200, at = \"/id\", then = \"applied\" },\n    { status = 500, at = \"/m\", then = \"refused\", \
                kind = \"locked_out\" },\n]\n";
    let reported = reported(&format!("{PROVIDER}{rows}"), TABLE);
    assert_eq!(reported.len(), 1, "{reported:?}");
    let expected = "repass.toml:8: providers.git.rows[1]: says refused";
    assert!(reported[0].starts_with(expected), "{reported:?}");
}

#[test]
fn file_that_cannot_be_read_is_reported_where_it_is_named() {
    let reported = reported(&PROVIDER.replace("git.toml", "other.toml"), TABLE);
    let expected = "repass.toml:5: providers.git.table: other.toml: cannot be read: ";
    assert!(
        reported.iter().any(|problem| problem.starts_with(expected)),
        "{reported:?}"
    );
}

#[test]
fn table_that_others_can_change_is_not_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let directory = tempfile::tempdir().unwrap();
    let (path, table) = (
        directory.path().join("repass.toml"),
        directory.path().join("git.toml"),
    );
    fs::write(&path, PROVIDER).unwrap();
    fs::write(&table, TABLE).unwrap();
    assert!(Config::load(Some(&path), []).is_ok());
    fs::set_permissions(&table, fs::Permissions::from_mode(0o666)).unwrap();
    let error = Config::load(Some(&path), []).unwrap_err();
    let problems = error.problems().iter();
    let keys: Vec<(Option<usize>, &str)> = problems.map(|problem| (problem.line(), problem.key())).collect();
    assert!(keys.contains(&(Some(5), "providers.git.table")), "{error}");
}
