//! `Host`, `Origin` and `Sec-Fetch-Site` over real sockets.

use repass_domain::ChangeReceipt;
use repass_sidecar::{Options, Token};
use tokio::io::AsyncWriteExt as _;

use crate::connections::{Running, answer};
use crate::world::{ALICE, SCRIPTED, Scripted};

/// The status and code of a change whose head has these fields, and whose body is only sent to those that wait for it.
async fn asked(running: &Running, target: &str, version: &str, fields: &str, body: &str) -> (u16, String) {
    let mut socket = running.connect().await;
    let head = format!(
        "POST {target} HTTP/{version}\r\n{fields}content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        ALICE.len()
    );
    socket.write_all(head.as_bytes()).await.unwrap();
    let text = answer(&mut socket).await;
    let code = text
        .split_once("\"code\":\"")
        .and_then(|(_, rest)| rest.split('"').next());
    let status = text[9..12].parse().unwrap();
    assert!(
        status != 403 || text.contains(r#""effect":"not_applied""#),
        "{text}"
    );
    (status, code.unwrap_or_default().to_owned())
}

#[tokio::test]
async fn foreign_host_or_origin_is_rejected_before_the_body_is_read() {
    const HOST: &str = "host_not_allowed";
    const ORIGIN: &str = "origin_not_allowed";
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let running = Running::start(&scripted, Options::default()).await;
    let absolute = |host: &str| format!("http://{host}{SCRIPTED}");
    let (evil, local) = (absolute("evil.example"), absolute("localhost"));
    for (target, version, fields, code) in [
        (SCRIPTED, "1.1", "host: evil.example:8788\r\n", HOST),
        (SCRIPTED, "1.1", "", HOST),
        (SCRIPTED, "1.0", "", HOST),
        (SCRIPTED, "1.1", "host: \r\n", HOST),
        (SCRIPTED, "1.1", "host: localhost\r\nhost: localhost\r\n", HOST),
        (SCRIPTED, "1.1", "host: localhost\r\nhost: evil.example\r\n", HOST),
        (SCRIPTED, "1.1", "host: caf\u{e9}\r\n", HOST),
        (&evil, "1.1", "host: localhost\r\n", HOST),
        (&local, "1.1", "host: evil.example\r\n", HOST),
        (
            SCRIPTED,
            "1.1",
            "host: localhost\r\norigin: http://evil.example\r\n",
            ORIGIN,
        ),
        (SCRIPTED, "1.1", "host: localhost\r\norigin: null\r\n", ORIGIN),
        (SCRIPTED, "1.1", "host: localhost\r\norigin: \r\n", ORIGIN),
        (
            SCRIPTED,
            "1.1",
            "host: localhost\r\norigin: ftp://localhost\r\n",
            ORIGIN,
        ),
        (
            SCRIPTED,
            "1.1",
            "host: localhost\r\norigin: http://localhost/\r\n",
            ORIGIN,
        ),
        (
            SCRIPTED,
            "1.1",
            "host: localhost\r\norigin: http://localhost\r\norigin: http://evil.example\r\n",
            ORIGIN,
        ),
        (
            SCRIPTED,
            "1.1",
            "host: localhost\r\nsec-fetch-site: Cross-Site\r\n",
            ORIGIN,
        ),
    ] {
        let reported = asked(&running, target, version, fields, "").await;
        assert_eq!(reported, (403, code.to_owned()), "{target} {version} {fields}");
    }
    assert_eq!(scripted.begun(), 0);
    let own = format!("host: {0}\r\norigin: http://{0}\r\n", running.address);
    let accepted = [
        (SCRIPTED, "1.1", own.as_str()),
        (SCRIPTED, "1.1", "host: LOCALHOST.:1\r\n"),
        (
            SCRIPTED,
            "1.1",
            "host: [::1]:8788\r\nsec-fetch-site: same-origin\r\n",
        ),
        (SCRIPTED, "1.1", "host: 127.0.0.1\r\nsec-fetch-site: none\r\n"),
        (SCRIPTED, "1.0", "host: localhost\r\nconnection: keep-alive\r\n"),
        (&local, "1.1", "host: localhost\r\n"),
    ];
    for (target, version, fields) in accepted {
        let reported = asked(&running, target, version, fields, ALICE).await;
        assert_eq!(reported, (200, String::new()), "{target} {version} {fields}");
    }
    assert_eq!(scripted.begun(), accepted.len());
}

#[tokio::test]
async fn allowed_hosts_and_tokens_pass_the_host_check() {
    let evil = "host: evil.example\r\norigin: http://evil.example\r\n";
    let scripted = Scripted::new(|| Ok(ChangeReceipt::new()));
    let options = Options {
        allowed_hosts: vec!["evil.example".parse().unwrap()],
        ..Options::default()
    };
    let running = Running::start(&scripted, options).await;
    assert_eq!(asked(&running, SCRIPTED, "1.1", evil, ALICE).await.0, 200);
    assert_eq!(
        asked(&running, SCRIPTED, "1.1", "host: other.example\r\n", "")
            .await
            .0,
        403
    );
    let options = Options {
        token: Token::new(&"0123456789abcdef".into()),
        ..Options::default()
    };
    let running = Running::start(&scripted, options).await;
    assert_eq!(asked(&running, SCRIPTED, "1.1", evil, "").await.0, 401);
    let fields = format!("{evil}authorization: Bearer 0123456789abcdef\r\n");
    assert_eq!(asked(&running, SCRIPTED, "1.1", &fields, ALICE).await.0, 200);
}
