//! Forms as different clients write them: the password arrives byte for byte.

use http::Method;
use repass_sandbox::{Options, Provider, Sandbox, ZoomOptions, ZoomRules};

use crate::client::{ALICE, Answer, request, send, start};

async fn sandbox() -> Sandbox {
    let zoom = ZoomOptions {
        rules: ZoomRules::LengthOnly,
        maximum_length: 200,
        ..ZoomOptions::default()
    };
    start(Options {
        zoom,
        ..Options::default()
    })
    .await
}

async fn put(sandbox: &Sandbox, content_type: &str, body: &[u8]) -> Answer {
    let headers = [("content-type", content_type)];
    send(
        sandbox,
        request(
            Method::PUT,
            "/v2/users/alice@example.com/password",
            &headers,
            body,
        ),
    )
    .await
}

#[tokio::test]
async fn multipart_form_of_any_client_is_accepted() {
    const BARE: &str = "multipart/form-data; boundary=----x.y";
    const QUOTED: &str = "Multipart/Form-Data; charset=utf-8; Boundary=\"----x.y\"";
    let rows = [
        (
            "quoted name",
            BARE,
            "------x.y\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n------x.y--\r\n",
        ),
        (
            "quoted boundary",
            QUOTED,
            "------x.y\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n{}\r\n------x.y--\r\n",
        ),
        (
            "bare name",
            BARE,
            "------x.y\r\ncontent-disposition:form-data;name=password\r\n\r\n{}\r\n------x.y--",
        ),
        (
            "line feeds",
            BARE,
            "------x.y\nContent-Disposition: form-data; name=\"password\"\n\n{}\n------x.y--\n",
        ),
        (
            "extra headers and a file name",
            BARE,
            "------x.y\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Disposition: form-data; \
             filename=\"name=x;\\\"\"; Name=password\r\nContent-Transfer-Encoding: 8bit\r\n\r\n{}\r\n------x.y--\r\n",
        ),
        (
            "other parts, preamble, padding, epilogue",
            BARE,
            "ignore ------x.y\r\n------x.y \t\r\nContent-Disposition: form-data; name=\"passwords\"\r\n\r\nno\r\n\
             ------x.y\r\nX-Nothing: 1\r\n\r\nno\r\n------x.y\r\nContent-Disposition: form-data; \
             name=\"password\"\r\n\r\n{}\r\n------x.y--\r\nepilogue",
        ),
    ];
    for (name, content_type, form) in rows {
        let sandbox = sandbox().await;
        let answer = put(
            &sandbox,
            content_type,
            form.replace("{}", "Brand-New-42").as_bytes(),
        )
        .await;
        assert_eq!(answer.status, 204, "{name}: {answer:?}");
        assert!(sandbox.accepts(Provider::Zoom, ALICE, "Brand-New-42"), "{name}");
    }
}

#[tokio::test]
async fn multipart_value_is_read_byte_for_byte() {
    let sandbox = sandbox().await;
    let rows = [
        "@/etc/passwd;type=x",
        "two\r\nlines\r\n\r\n",
        "\r\n--x\r\n--x-y--\r\n",
        "ends in a return\r",
        "quote\" and backslash\\ and %0D%0A",
        "\u{0}nul and \u{7f}",
        "Pässwörter-\u{1F511}-ß",
        "        ",
        "1234567890123456789012345678901",
    ];
    for line_end in ["\r\n", "\n"] {
        for password in rows {
            let form = [
                "--x-z",
                "Content-Disposition: form-data; name=\"password\"",
                "",
                password,
                "--x-z--",
                "",
            ];
            let answer = put(
                &sandbox,
                "multipart/form-data; boundary=x-z",
                form.join(line_end).as_bytes(),
            )
            .await;
            assert_eq!(answer.status, 204, "{password:?} {line_end:?} {answer:?}");
            let change = sandbox.ledger().changes.pop().unwrap();
            assert_eq!(
                change.fingerprint,
                sandbox.fingerprint(password),
                "{password:?} {line_end:?}"
            );
        }
        // So that the next round does not start with the password that is current.
        sandbox.reset();
    }
}

#[tokio::test]
async fn malformed_form_is_rejected_and_not_applied() {
    let sandbox = sandbox().await;
    let rows: [(&str, &[u8]); 7] = [
        (
            "multipart/form-data",
            b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nBrand-New-42\r\n--x--\r\n",
        ),
        ("multipart/form-data; boundary=x", b""),
        ("multipart/form-data; boundary=x", b"--x--\r\n"),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nBrand-New-42",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"other\"\r\n\r\nBrand-New-42\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\nBrand-\xff-42\r\n--x--",
        ),
        (
            "multipart/form-data; boundary=x",
            b"--x\r\nContent-Disposition: form-data; name=\"password\"\r\n\r\n--x--",
        ),
    ];
    for (content_type, body) in rows {
        let answer = put(&sandbox, content_type, body).await;
        assert_eq!(answer.status, 400, "{}", String::from_utf8_lossy(body));
    }
    assert_eq!(sandbox.changes(), 0);
}
