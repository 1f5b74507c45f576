//! The API description as an HTML page, without scripts and external resources.

use std::fmt::Write as _;

use serde_json::Value;

use super::problem::CODES;

/// Lets a browser load nothing for the page.
pub(crate) const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

const STYLE: &str = "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;\
    color:#1c1e21;background:#fff}code,pre{font:14px/1.4 ui-monospace,monospace;background:#f2f3f5}pre{padding:.6rem;overflow-x:auto}\
    code{padding:.1em .25em}table{border-collapse:collapse;width:100%}td,th{text-align:left;vertical-align:top;\
    padding:.3rem .6rem;border-bottom:1px solid #ddd}h2{margin-top:2.5rem;border-top:2px solid #ddd;padding-top:1rem}\
    b.m{background:#0b5;color:#fff;padding:.1em .4em}@media(prefers-color-scheme:dark){body{color:#ddd;\
    background:#16181b}code,pre{background:#25282c}td,th,h2{border-color:#444}}";

/// The page.
pub(crate) fn render(api: &Value) -> String {
    let mut page = format!(
        "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><meta name=\"viewport\" \
         content=\"width=device-width\"><title>repass sidecar</title><style>{STYLE}</style>\n\
         <h1>{} {}</h1>\n<p>{}</p>\n<p>For programs: <a href=\"/openapi.json\">openapi.json</a> (OpenAPI {})</p>\n",
        text(&api["info"]["title"]),
        text(&api["info"]["version"]),
        words(&api["info"]["description"]),
        text(&api["openapi"]),
    );
    example(&mut page, api);
    let operations = operations(api);
    page.push_str("<h2 id=\"contents\">Contents</h2>\n<ul>\n");
    for (path, method, operation) in &operations {
        line(
            &mut page,
            format_args!(
                "<li><a href=\"#{}\">{} <code>{}</code></a> {}",
                text(&operation["operationId"]),
                method.to_uppercase(),
                escaped(path),
                words(&operation["summary"])
            ),
        );
    }
    page.push_str(
        "<li><a href=\"#schemas\">Bodies</a>\n<li><a href=\"#codes\">Codes of problems</a>\n</ul>\n",
    );
    for (path, method, operation) in operations {
        operation_section(&mut page, path, method, operation);
    }
    page.push_str("<h2 id=\"schemas\">Bodies</h2>\n");
    for (name, schema) in members(&api["components"]["schemas"]) {
        schema_section(&mut page, name, schema);
    }
    page.push_str("<h2 id=\"codes\">Codes of problems</h2>\n<table><tr><th>code<th>status<th>meaning\n");
    for known in &CODES {
        let (code, status) = (known.code, known.statuses());
        line(
            &mut page,
            format_args!(
                "<tr id=\"{code}\"><td><code>{code}</code><td>{status}<td>{}",
                escaped(known.title)
            ),
        );
    }
    page.push_str("</table></html>\n");
    page
}

/// The operations, the most used first.
fn operations(api: &Value) -> Vec<(&str, &str, &Value)> {
    const TAGS: [&str; 4] = ["Passwords", "Policy", "Providers", "State"];
    let mut all: Vec<_> = members(&api["paths"])
        .flat_map(|(path, methods)| {
            members(methods).map(move |(method, it)| (path.as_str(), method.as_str(), it))
        })
        .collect();
    all.sort_by_key(|(.., operation)| TAGS.iter().position(|tag| operation["tags"][0] == *tag));
    all
}

/// An example request to the first provider.
fn example(page: &mut String, api: &Value) {
    let change = &api["paths"]["/v1/providers/{provider}/password-changes"]["post"];
    let parameters = change["parameters"].as_array();
    let mut parameters = parameters.into_iter().flatten();
    let provider = parameters.find(|it| it["name"] == "provider");
    let provider = provider.map_or_else(String::new, |it| text(&it["schema"]["enum"][0]));
    let provider = if provider.is_empty() {
        "PROVIDER"
    } else {
        &provider
    };
    let token = if api["security"].is_array() {
        "  --header \"Authorization: Bearer $TOKEN\" \\\n"
    } else {
        ""
    };
    line(
        page,
        format_args!(
            "<h2 id=\"example\">Example</h2>\n<p>A reset, with the password on standard input: other users can see \
             arguments.</p>\n<pre>\
             curl --header 'Content-Type: application/json' \\\n\
             {token}  --header \"Idempotency-Key: $(uuidgen)\" \\\n  --data @- \
             http://127.0.0.1:8788/v1/providers/{provider}/password-changes &lt;&lt;'END'\n\
             {{\"user\": \"alice@example.com\", \"new_password\": \"New-Passw0rd-1\"}}\nEND</pre>\n\
             <p>It was applied:</p>\n<pre>{{\"effect\":\"applied\",\"provider\":\"{provider}\",\"tracking_id\":null}}</pre>\n\
             <p>Branch on <code>effect</code>, then on <code>code</code>. Where <code>effect</code> is \
             <code>unknown</code> (status 409), post the same body with <code>resolution.attempt</code> to \
             <code>resolution.href</code>.</p>"
        ),
    );
}

fn operation_section(page: &mut String, path: &str, method: &str, operation: &Value) {
    let id = text(&operation["operationId"]);
    let method = method.to_uppercase();
    line(
        page,
        format_args!(
            "<h2 id=\"{id}\"><b class=\"m\">{method}</b> <code>{}</code></h2>",
            escaped(path)
        ),
    );
    line(page, format_args!("<p>{}</p>", words(&operation["summary"])));
    line(page, format_args!("<p>{}</p>", words(&operation["description"])));
    let parameters = operation["parameters"].as_array();
    for parameter in parameters.into_iter().flatten() {
        line(
            page,
            format_args!(
                "<p><code>{}</code> ({}): {}</p>",
                text(&parameter["name"]),
                text(&parameter["in"]),
                words(&parameter["description"])
            ),
        );
    }
    if let Some(body) = content(&operation["requestBody"]) {
        line(page, format_args!("<p>Body: {body}</p>"));
    }
    page.push_str("<table><tr><th>status<th>meaning<th>body\n");
    for (status, response) in members(&operation["responses"]) {
        let body = content(response).unwrap_or_default();
        line(
            page,
            format_args!(
                "<tr><td>{status}<td>{}<td>{body}",
                words(&response["description"])
            ),
        );
    }
    page.push_str("</table>\n");
}

fn schema_section(page: &mut String, name: &str, schema: &Value) {
    line(
        page,
        format_args!(
            "<h3 id=\"schema-{0}\">{0}</h3><p>{1}</p>",
            escaped(name),
            words(&schema["description"])
        ),
    );
    if schema["enum"].is_array() {
        line(page, format_args!("<p>{}</p>", type_of(schema)));
        return;
    }
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|all| all.iter().any(|it| it == name));
    page.push_str("<table><tr><th>member<th>type<th>meaning\n");
    for (name, member) in members(&schema["properties"]) {
        let mark = if is_required(name) { "" } else { " (optional)" };
        line(
            page,
            format_args!(
                "<tr><td><code>{}</code>{mark}<td>{}<td>{}",
                escaped(name),
                type_of(member),
                words(&member["description"])
            ),
        );
    }
    page.push_str("</table>\n");
}

fn content(of: &Value) -> Option<String> {
    let (kind, content) = members(&of["content"]).next()?;
    Some(format!(
        "{} <code>{}</code>",
        type_of(&content["schema"]),
        escaped(kind)
    ))
}

fn type_of(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str().and_then(|to| to.rsplit('/').next()) {
        return format!("<a href=\"#schema-{0}\">{0}</a>", escaped(name));
    }
    if let Some(values) = schema["enum"].as_array() {
        let values = values.iter().map(|value| format!("<code>{}</code>", text(value)));
        return values.collect::<Vec<_>>().join(" or ");
    }
    let either = schema["oneOf"].as_array();
    if let Some(either) = either {
        return either.iter().map(type_of).collect::<Vec<_>>().join(" or ");
    }
    match &schema["type"] {
        Value::Array(types) => types.iter().map(text).collect::<Vec<_>>().join(" or "),
        Value::String(kind) if kind == "array" => format!("array of {}", type_of(&schema["items"])),
        kind => text(kind),
    }
}

fn members(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

fn line(page: &mut String, line: std::fmt::Arguments<'_>) {
    // Writing to a string does not fail.
    let _ = writeln!(page, "{line}");
}

fn text(value: &Value) -> String {
    escaped(value.as_str().unwrap_or_default())
}

/// Prose, in which text between backticks is code.
fn words(value: &Value) -> String {
    let escaped = text(value).replace("\n\n", "<p>");
    let mut words = String::with_capacity(escaped.len());
    for (at, part) in escaped.split('`').enumerate() {
        if at > 0 {
            words.push_str(if at % 2 == 1 { "<code>" } else { "</code>" });
        }
        words.push_str(part);
    }
    words
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn docs_page_has_an_example_and_links_every_operation() {
        let operation = |id: &str, tag: &str| json!({"operationId": id, "tags": [tag], "summary": id});
        let mut api = json!({"paths": {
            "/healthz": {"get": operation("isAlive", "State")},
            "/v1/providers/{provider}/password-changes": {"post": operation("changePassword", "Passwords")},
        }});
        api["paths"]["/v1/providers/{provider}/password-changes"]["post"]["parameters"] =
            json!([{"name": "provider", "schema": {"enum": ["portal", "zoom"]}}]);
        let page = render(&api);
        assert!(
            page.contains("/v1/providers/portal/password-changes &lt;&lt;"),
            "{page}"
        );
        assert!(!page.contains("Authorization"));
        let at = |text: &str| {
            page.find(text)
                .unwrap_or_else(|| panic!("{text} is missing: {page}"))
        };
        assert!(at("href=\"#changePassword\"") < at("href=\"#isAlive\""));
        assert!(at("href=\"#isAlive\"") < at("id=\"changePassword\""));
        api["security"] = json!([{"token": []}]);
        assert!(render(&api).contains("Authorization: Bearer"));
    }

    #[test]
    fn docs_page_escapes_markup_in_prose() {
        assert_eq!(
            words(&json!("<b> & `a<b`\n\n\"c\"")),
            "&lt;b&gt; &amp; <code>a&lt;b</code><p>&quot;c&quot;"
        );
    }
}
