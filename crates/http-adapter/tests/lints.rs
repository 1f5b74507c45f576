//! What a table must not say, with what could go wrong.

use repass_http_provider::Table;

/// A sound table, of which each test breaks one line.
const SOUND: &str = r#"
lookup = { path = "/users?name={user}", list = "/users", id = "/id", same = "/name", keep = { tags = "/tags" } }
reset = { method = "PUT", path = "/users/{id}", body = { password = "{new}", tags = "{keep.tags}" } }
change = { method = "POST", path = "/me/{id}", auth = "none", body = { old = "{current}", new = "{new}" } }
login = { method = "POST", path = "/sessions", body = { name = "{username}", password = "{password}" }, status = 200, token_at = "/token" }
discovery = { path = "/policy", rules = { min_length = "/min" }, text = { at = "/policy", language = "keycloak" } }
rows = [
    { status = 200, at = "/id", is = "{id}", then = "applied" },
    { status = 400, at = "/code", is = "weak", then = "refused", kind = "password_refused" },
    { status = 401, at = "/code", is = "token", then = "token" },
    { status = 429, then = "limited" },
]
[probe]
kind = "request"
method = "POST"
path = "/login"
body = { name = "{user}", password = "{new}" }
in_place = { status = 200, at = "/id", is = "{id}" }
not_in_place = { status = 401, at = "/code", is = "wrong" }
"#;

#[test]
fn sound_table_is_accepted() {
    Table::from_toml(SOUND).unwrap();
}

/// A line of the sound table, what stands in its place, and of which key the problem says what.
const TRAPS: &[(&str, &str, &str, &str)] = &[
    (
        "{ status = 429, then",
        "{ status = 429, delay_s_at = \"/a\", delay_ms_at = \"/b\", then",
        "rows[3]",
        "one of `delay_s_at`",
    ),
    (
        "is = \"weak\",",
        "is = \"weak\", delay_s_at = \"/a\",",
        "rows[1]",
        "limited",
    ),
    (
        "{ status = 429, then",
        "{ status = 429, delay_ms_at = \"b\", then",
        "rows[3]",
        "no JSON pointer",
    ),
    (
        "path = \"/policy\"",
        "path = \"/policy/{user}\"",
        "discovery.path",
        "for no one in particular",
    ),
    (
        "{ min_length = \"/min\" }",
        "{ minimum = \"/min\" }",
        "discovery.rules.minimum",
        "not the code of a rule",
    ),
    (
        "{ min_length = \"/min\" }",
        "{ min_length = \"min\" }",
        "discovery.rules.min_length",
        "no JSON pointer",
    ),
    (
        "language = \"keycloak\"",
        "language = \"acme\"",
        "discovery.text.language",
        "use one of keycloak",
    ),
    (
        "path = \"/sessions\"",
        "path = \"/sessions?p={password}\"",
        "login.path",
        "logs",
    ),
    (
        "password = \"{password}\" }",
        "password = \"x\" }",
        "login.body",
        "does not present {password}",
    ),
    (
        "name = \"{username}\"",
        "name = \"{user}\"",
        "login.body.name",
        "use username, password",
    ),
    (
        "path = \"/me/{id}\"",
        "path = \"/me/{username}\"",
        "change.path",
        "`{username}` is unknown",
    ),
    (
        "tags = \"{keep.tags}\" }",
        "tags = \"{password}\" }",
        "reset.body.tags",
        "`{password}` is unknown",
    ),
    (
        "status = 200, token_at",
        "status = 401, token_at",
        "login.status",
        "succeeded",
    ),
    (
        "token_at = \"/token\"",
        "token_header = \"x\", token_at = \"/token\"",
        "login",
        "one of `token_at`",
    ),
    (", token_at = \"/token\"", "", "login", "one of `token_at`"),
    (
        "token_at = \"/token\"",
        "token_at = \"token\"",
        "login.token_at",
        "no JSON pointer",
    ),
    (
        "token_at = \"/token\"",
        "token_header = \"a b\"",
        "login.token_header",
        "name of an HTTP header",
    ),
    (
        "token_at = \"/token\"",
        "token_at = \"/token\", header = \"\"",
        "login.header",
        "name of an HTTP header",
    ),
    (
        "token_at = \"/token\"",
        "token_at = \"/token\", value = \"Bearer\"",
        "login.value",
        "{token}",
    ),
    (
        "token_at = \"/token\"",
        "token_at = \"/token\", expires_at = \"/a\", expires_in = \"/b\"",
        "login",
        "one of `expires_at`",
    ),
    (
        "login = { method = \"POST\"",
        "login = { method = \"GET\"",
        "login.method",
        "sends no body",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 200, then",
        "rows[0]",
        "sorry page",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 201, at = \"/id\", then",
        "rows[0]",
        "creates",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 202, at = \"/id\", then",
        "rows[0]",
        "accepted",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 206, at = \"/id\", then",
        "rows[0]",
        "partial",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 400, at = \"/id\", then",
        "rows[0]",
        "no success",
    ),
    (
        "{ status = 400, at = \"/code\", is = \"weak\",",
        "{ status = 400,",
        "rows[1]",
        "firewall",
    ),
    (
        "{ status = 400, at = \"/code\"",
        "{ status = 503, at = \"/code\"",
        "rows[1]",
        "may have made the change",
    ),
    (
        "{ status = 400, at = \"/code\"",
        "{ status = 408, at = \"/code\"",
        "rows[1]",
        "may have made the change",
    ),
    (
        "{ status = 401, at = \"/code\", is = \"token\",",
        "{ status = 403,",
        "rows[2]",
        "log-in page",
    ),
    (
        "{ status = 401, at = \"/code\", is = \"token\",",
        "{ status = 401,",
        "rows[2]",
        "log-in page",
    ),
    (
        "{ status = 401, at = \"/code\"",
        "{ status = 200, at = \"/code\"",
        "rows[2]",
        "must not be sent again",
    ),
    (
        "{ status = 429, then",
        "{ status = 503, at = \"/x\", then",
        "rows[3]",
        "must not be sent again",
    ),
    (
        "{ status = 429, then",
        "{ status = 403, then",
        "rows[3]",
        "only a 429",
    ),
    (
        "path = \"/users/{id}\"",
        "path = \"/users/{id}?password={new}\"",
        "reset.path",
        "logs",
    ),
    (
        "name={user}\"",
        "name={user}&p={current}\"",
        "lookup.path",
        "logs",
    ),
    ("name={user}\"", "name=x\"", "lookup.path", "{user}"),
    (
        "name={user}\"",
        "name={user}&id={id}\"",
        "lookup.path",
        "only after the look-up",
    ),
    ("keep = { tags = \"/tags\" }", "keep = {}", "reset", "{keep.tags}"),
    (
        "tags = \"{keep.tags}\"",
        "tags = \"x{keep.tags}\"",
        "reset.body",
        "would write a list as one text",
    ),
    (
        "password = \"{new}\", tags",
        "password = \"fixed\", tags",
        "reset",
        "{new}",
    ),
    (
        "path = \"/users/{id}\", body",
        "path = \"/users/all\", body",
        "reset",
        "whose password",
    ),
    ("method = \"PUT\"", "method = \"GET\"", "reset.method", "no body"),
    (
        "method = \"PUT\"",
        "method = \"DELETE\"",
        "reset.method",
        "one of",
    ),
    ("old = \"{current}\", ", "", "change", "{current}"),
    (
        "\"{new}\" }\nin_place",
        "\"x\" }\nin_place",
        "probe",
        "does not present the new password",
    ),
    (
        "not_in_place = { status = 401, at = \"/code\", is = \"wrong\" }",
        "not_in_place = { status = 401 }",
        "probe.not_in_place",
        "gateway",
    ),
    (
        "not_in_place = { status = 401, at = \"/code\", is = \"wrong\" }",
        "not_in_place = { status = 401, at = \"/code\" }",
        "probe.not_in_place",
        "locked, disabled or expired",
    ),
    (
        "not_in_place = { status = 401, at = \"/code\", is = \"wrong\" }",
        "not_in_place = { status = 401, at = \"/code\", is = 401 }",
        "probe.not_in_place",
        "locked, disabled or expired",
    ),
    (
        "in_place = { status = 200, at = \"/id\", is = \"{id}\" }\nnot",
        "in_place = { status = 200 }\nnot",
        "probe.in_place",
        "gateway",
    ),
    (
        "not_in_place = { status = 401, at = \"/code\", is = \"wrong\" }",
        "not_in_place = { status = 200, at = \"/name\" }",
        "probe",
        "prove nothing",
    ),
    (
        "path = \"/login\"",
        "path = \"login\"",
        "probe.path",
        "begin with `/`",
    ),
    (
        "path = \"/login\"",
        "path = \"/log in\"",
        "probe.path",
        "percent-encoded",
    ),
    ("is = \"weak\"", "is = \"{new}\"", "rows[1]", "password"),
    ("then = \"limited\"", "then = \"maybe\"", "", "maybe"),
    ("[probe]", "[prob]", "", "prob"),
    (
        "kind = \"password_refused\"",
        "rule = \"min_length\", number_at = \"text\"",
        "rows[1]",
        "JSON pointer",
    ),
    (", kind = \"password_refused\"", "", "rows[1]", "`kind`"),
    (
        "lookup = {",
        "headers = { x-password = \"{new}\" }\nlookup = {",
        "headers.x-password",
        "logs",
    ),
    (
        "lookup = {",
        "headers = { x-old = \"p {current}\" }\nlookup = {",
        "headers.x-old",
        "logs",
    ),
    (
        "lookup = {",
        "require = { path = \"/c?p={new}\", at = \"/ok\", is = true }\nlookup = {",
        "require.path",
        "logs",
    ),
    (
        "lookup = {",
        "confirm = { method = \"POST\", path = \"/login?p={new}\", in_place = { status = 200, at = \"/id\" } }\nlookup = {",
        "confirm.path",
        "logs",
    ),
    (
        "lookup = {",
        "confirm = { method = \"GET\", path = \"/me\", in_place = { status = 200, at = \"/id\" } }\nlookup = {",
        "confirm",
        "does not present the new password",
    ),
    (
        "lookup = {",
        "confirm = { method = \"GET\", path = \"/me\", auth = \"new_password\", in_place = { status = 200 } }\nlookup = {",
        "confirm.in_place",
        "a condition on the body or a header",
    ),
    (
        "lookup = {",
        "confirm = { method = \"POST\", path = \"/l\", body = { o = \"{current}\", n = \"{new}\" }, in_place = { status = 200, at = \"/id\" } }\nlookup = {",
        "confirm",
        "known to a [change] only",
    ),
    (
        "in_place = { status = 200, at = \"/id\", is = \"{id}\" }",
        "in_place = { status = 302, header = \"set-cookie\" }",
        "probe.in_place",
        "takes `has`",
    ),
    (
        "in_place = { status = 200, at = \"/id\", is = \"{id}\" }",
        "in_place = { status = 302, header = \"set cookie\", has = \"session\" }",
        "probe.in_place.header",
        "name of an HTTP header",
    ),
    (
        "lookup = {",
        "require = { method = \"POST\", path = \"/c\", body = { id = \"{id}\" }, at = \"/ok\", is = true }\nlookup = {",
        "require",
        "before the look-up",
    ),
    (
        "lookup = {",
        "require = { method = \"POST\", path = \"/c\", body = { p = \"{new}\" }, at = \"/ok\", is = true }\nlookup = {",
        "require",
        "without passwords",
    ),
    (
        "lookup = {",
        "require = { method = \"DELETE\", path = \"/c\", at = \"/ok\", is = true }\nlookup = {",
        "require.method",
        "must be one of",
    ),
    (
        "path = \"/me/{id}\"",
        "path = \"/me/{id}/{current}\"",
        "change.path",
        "logs",
    ),
    (
        "path = \"/login\"",
        "path = \"/login?password={new}\"",
        "probe.path",
        "logs",
    ),
    (
        "[probe]\n",
        "[probe]\ncontrol = { path = \"/login?p={new}\", status = 200, at = \"/n\", is = 0 }\n",
        "probe.control.path",
        "logs",
    ),
    (
        "password = \"{new}\", tags",
        "password = \"{new}\", old = \"{current}\", tags",
        "reset",
        "empty text",
    ),
    (
        "body = { name = \"{user}\"",
        "body = { old = \"{current}\", name = \"{user}\"",
        "probe",
        "empty text",
    ),
    (
        "path = \"/users/{id}\", body",
        "path = \"/users/{id}\", auth = \"new_password\", body",
        "reset",
        "before it is set",
    ),
    (
        "body = { password = \"{new}\", tags = \"{keep.tags}\" }",
        "form = true, body = { password = \"p={new}\" }",
        "reset.body",
        "a field alone",
    ),
    (
        "body = { password = \"{new}\", tags = \"{keep.tags}\" }",
        "form = true, body = { user = { password = \"{new}\" } }",
        "reset.body",
        "table of texts",
    ),
    (
        "{ status = 400, at = \"/code\"",
        "{ status = 204, at = \"/code\"",
        "rows[1]",
        "never has a body",
    ),
    (
        "{ status = 400, at = \"/code\", is = \"weak\",",
        "{ status = 200,",
        "rows[1]",
        "called a refusal",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then",
        "{ status = 207, at = \"/id\", then",
        "rows[0]",
        "partial",
    ),
    (
        "{ status = 200, at = \"/id\", is = \"{id}\", then = \"applied\" },\n",
        "",
        "rows",
        "no row that says applied",
    ),
    ("same = \"/name\", ", "", "", "same"),
    ("name={user}\"", "name={user\"", "lookup.path", "single `{`"),
    ("is = \"weak\"", "has = \"\"", "rows[1]", "every text would match"),
    (
        "is = \"weak\"",
        "is = \"weak\", has = \"weak\"",
        "rows[1]",
        "one of",
    ),
    (
        "{ status = 400, at = \"/code\", is",
        "{ status = 400, is",
        "rows[1]",
        "without `at`",
    ),
    (
        "status = 401, at = \"/code\", is = \"token\", then",
        "status = 401, at = \"/code\", is = \"token\", kind = \"internal\", then",
        "rows[2]",
        "refused",
    ),
];

#[test]
fn each_trap_is_refused_with_what_could_go_wrong() {
    for (from, to, key, part) in TRAPS {
        assert!(SOUND.contains(*from), "{from}");
        let problems = Table::from_toml(&SOUND.replacen(from, to, 1)).expect_err(to);
        assert!(
            problems
                .iter()
                .any(|problem| problem.key.ends_with(key) && problem.message.contains(*part)),
            "{to}: no problem of `{key}` says {part:?}: {problems:?}"
        );
    }
}

#[test]
fn problem_of_rows_is_reported_once_and_where_they_stand() {
    let rows = "[{ status = 200, at = \"/id\", is = \"{id}\", then = \"applied\" }, { status = 500, at = \"/m\", then = \"refused\" }]";
    let own = SOUND.replacen(
        "\"{keep.tags}\" } }",
        &format!("\"{{keep.tags}}\" }}, rows = {rows} }}"),
        1,
    );
    for (table, expected) in [
        (SOUND.replacen("status = 400", "status = 500", 1), "rows[1]"),
        (own, "reset.rows[1]"),
    ] {
        let problems = Table::from_toml(&table).unwrap_err();
        let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
        assert_eq!(keys, [expected], "{problems:?}");
    }
}

#[test]
fn put_of_the_user_without_a_lookup_is_refused() {
    for (path, is_refused) in [
        ("/users/{user}", true),
        ("/users/{user}/", true),
        ("/users/@{user}:example.org?force=true", true),
        ("/users/{user}/password", false),
        ("/users/{user}/reset-password?notify=false", false),
    ] {
        let table = format!(
            "reset = {{ method = \"PUT\", path = \"{path}\", body = {{ password = \"{{new}}\" }} }}\n\
             rows = [{{ status = 204, then = \"applied\" }}]"
        );
        let problems = Table::from_toml(&table).err().unwrap_or_default();
        let found = problems.iter().any(|it| it.message.contains("create the user"));
        assert_eq!(found, is_refused, "{path}: {problems:?}");
    }
}

#[test]
fn change_alone_cannot_be_probed_by_repeating() {
    let table = "change = { method = \"POST\", path = \"/me/{user}\", body = { old = \"{current}\", new = \"{new}\" } }\n\
                 rows = [{ status = 204, then = \"applied\" }]\nprobe = { kind = \"repeat\" }";
    let problems = Table::from_toml(table).unwrap_err();
    assert!(problems[0].message.contains("cannot be repeated"), "{problems:?}");
}

#[test]
fn time_of_the_last_change_comes_from_a_lookup() {
    let table = "reset = { method = \"POST\", path = \"/u/{user}/p\", body = { p = \"{new}\" } }\n\
                 rows = [{ status = 204, then = \"applied\" }]\nsole_writer = true\n";
    let timestamp = format!("{table}probe = {{ kind = \"timestamp\", at = \"/changed\" }}");
    let problems = Table::from_toml(&timestamp).unwrap_err();
    assert!(problems[0].message.contains("add a [lookup]"), "{problems:?}");
    let problems = Table::from_toml(table).unwrap_err();
    assert_eq!(problems[0].key, "sole_writer", "{problems:?}");
    let lookup = "lookup = { path = \"/u?n={user}\", id = \"/id\", same = \"/n\" }\n";
    Table::from_toml(&format!("{lookup}{timestamp}")).unwrap();
}

#[test]
fn every_problem_is_reported_at_once() {
    let broken =
        SOUND
            .replacen("name={user}", "name={usr}", 1)
            .replacen("path = \"/login\"", "path = \"login\"", 1);
    let problems = Table::from_toml(&broken).unwrap_err();
    let keys: Vec<&str> = problems.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["lookup.path", "probe.path"], "{problems:?}");
}
