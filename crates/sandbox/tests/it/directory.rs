//! An emulated directory, seen by a client that knows only bytes.

use std::sync::Arc;

use repass_sandbox::{
    CutKind, Directory, DirectoryCut, DirectoryFault, DirectoryKind, DirectoryOperation, DirectoryOptions,
    DirectoryResponse, DirectoryTexts, Operation, Timing,
};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, ServerName};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

const NEW: &str = "New-Passw0rd-1";

struct Client<S>(S);

/// Code and text of a result, and the whole message.
#[derive(Debug)]
struct Answer {
    code: u8,
    text: String,
    message: Vec<u8>,
}

fn connector(directory: &Directory) -> TlsConnector {
    let mut roots = rustls::RootCertStore::empty();
    roots
        .add(CertificateDer::from_pem_slice(directory.ca_pem().as_bytes()).unwrap())
        .unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    TlsConnector::from(Arc::new(config))
}

async fn connect(directory: &Directory) -> Client<TlsStream<TcpStream>> {
    let socket = TcpStream::connect(directory.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    Client(connector(directory).connect(name, socket).await.unwrap())
}

/// A connection that is bound as the service.
async fn service(directory: &Directory) -> Client<TlsStream<TcpStream>> {
    let mut client = connect(directory).await;
    let bound = client
        .bind(&directory.service_dn(), directory.service_password())
        .await;
    assert_eq!(bound.code, 0, "{bound:?}");
    client
}

fn element(tag: u8, parts: &[&[u8]]) -> Vec<u8> {
    let contents = parts.concat();
    let length = u16::try_from(contents.len()).unwrap().to_be_bytes();
    [&[tag, 0x82, length[0], length[1]], &contents[..]].concat()
}

fn octets(text: &str) -> Vec<u8> {
    element(0x04, &[text.as_bytes()])
}

/// A replacement, removal (1) or addition (0) of one value.
fn modification(kind: u8, attribute: &str, value: &[u8]) -> Vec<u8> {
    let set = element(0x31, &[&element(0x04, &[value])]);
    let attribute = element(0x30, &[&octets(attribute), &set]);
    element(0x30, &[&[0x0a, 1, kind], &attribute])
}

fn quoted(password: &str) -> Vec<u8> {
    format!("\"{password}\"")
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect()
}

impl<S: AsyncRead + AsyncWrite + Unpin> Client<S> {
    /// Sends an operation as message 7 and reads responses until a result; `None` at the end of the connection.
    async fn exchange(&mut self, operation: &[u8], controls: &[&str]) -> Option<Answer> {
        let controls: Vec<u8> = controls
            .iter()
            .flat_map(|oid| element(0x30, &[&octets(oid)]))
            .collect();
        let controls = if controls.is_empty() {
            vec![]
        } else {
            element(0xa0, &[&controls])
        };
        let message = element(0x30, &[&[0x02, 1, 7], operation, &controls]);
        self.0.write_all(&message).await.ok()?;
        self.0.flush().await.ok()?;
        let mut entries = Vec::new();
        loop {
            let mut message = self.read().await?;
            let (id, rest) = take(&message);
            assert_eq!(id, [7], "the number of the message");
            let tag = rest[0];
            let (contents, _) = take(rest);
            if matches!(tag, 0x64 | 0x73) {
                entries.extend(contents);
                continue;
            }
            let (code, rest) = take(contents);
            let (_, rest) = take(rest);
            let (text, _) = take(rest);
            let (code, text) = (code[0], String::from_utf8(text.to_vec()).unwrap());
            message.splice(0..0, entries);
            return Some(Answer { code, text, message });
        }
    }

    // The contents of the next message.
    async fn read(&mut self) -> Option<Vec<u8>> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).await.ok()?;
        let mut length = usize::from(head[1]);
        if length > 0x80 {
            let mut digits = vec![0; length & 0x7f];
            self.0.read_exact(&mut digits).await.ok()?;
            length = digits
                .iter()
                .fold(0, |length, byte| length << 8 | usize::from(*byte));
        }
        let mut contents = vec![0; length];
        self.0.read_exact(&mut contents).await.ok()?;
        Some(contents)
    }

    async fn bind(&mut self, name: &str, password: &str) -> Answer {
        let bind = element(
            0x60,
            &[
                &[0x02, 1, 3],
                &octets(name),
                &element(0x80, &[password.as_bytes()]),
            ],
        );
        self.exchange(&bind, &[POLICY]).await.unwrap()
    }

    /// The extended operation of RFC 3062.
    async fn password_modify(&mut self, dn: &str, old: Option<&str>, new: &str) -> Option<Answer> {
        let old = old
            .map(|old| element(0x81, &[old.as_bytes()]))
            .unwrap_or_default();
        let value = element(
            0x30,
            &[
                &element(0x80, &[dn.as_bytes()]),
                &old,
                &element(0x82, &[new.as_bytes()]),
            ],
        );
        let oid = element(0x80, &[b"1.3.6.1.4.1.4203.1.11.1"]);
        self.exchange(&element(0x77, &[&oid, &element(0x81, &[&value])]), &[POLICY])
            .await
    }

    async fn modify(&mut self, dn: &str, changes: &[Vec<u8>]) -> Option<Answer> {
        let changes = element(0x30, &[&changes.concat()]);
        self.exchange(&element(0x66, &[&octets(dn), &changes]), &[]).await
    }

    /// A search for equality, below the base.
    async fn search(&mut self, base: &str, attribute: &str, value: &str, wanted: &str) -> Answer {
        let filter = element(0xa3, &[&octets(attribute), &octets(value)]);
        let wanted = element(0x30, &[&octets(wanted)]);
        let limits = [0x0a, 1, 2, 0x0a, 1, 0, 0x02, 1, 0, 0x02, 1, 0, 0x01, 1, 0];
        let search = element(0x63, &[&octets(base), &limits, &filter, &wanted]);
        self.exchange(&search, &[]).await.unwrap()
    }
}

const POLICY: &str = "1.3.6.1.4.1.42.2.27.8.5.1";

// Contents of the first element, and what follows it.
fn take(bytes: &[u8]) -> (&[u8], &[u8]) {
    let (mut start, mut length) = (2, usize::from(bytes[1]));
    if length > 0x80 {
        start += length & 0x7f;
        length = bytes[2..start]
            .iter()
            .fold(0, |length, byte| length << 8 | usize::from(*byte));
    }
    (&bytes[start..start + length], &bytes[start + length..])
}

/// Whether the policy control of a response has this error.
fn has_error(answer: &Answer, error: u8) -> bool {
    answer.message.ends_with(&[0x30, 3, 0x81, 1, error])
}

async fn slapd() -> Directory {
    Directory::start(DirectoryKind::Slapd).await.unwrap()
}

async fn active_directory() -> Directory {
    Directory::start(DirectoryKind::ActiveDirectory).await.unwrap()
}

#[tokio::test]
async fn slapd_reset_is_applied_once_and_recorded() {
    let directory = slapd().await;
    let mut client = service(&directory).await;
    let answer = client
        .password_modify(&directory.user_dn("alice"), None, NEW)
        .await
        .unwrap();
    assert_eq!((answer.code, answer.text.as_str()), (0, ""));
    let ledger = directory.ledger();
    assert_eq!(ledger.len(), 1);
    assert_eq!(
        (ledger[0].user.as_str(), ledger[0].operation),
        ("alice", Operation::Reset)
    );
    assert_eq!(ledger[0].fingerprint, directory.fingerprint(NEW));
    assert!(directory.accepts("alice", NEW));
    assert_eq!(
        client
            .bind(&directory.user_dn("alice"), "Alice-Start-7")
            .await
            .code,
        49
    );
    assert_eq!(client.bind(&directory.user_dn("alice"), NEW).await.code, 0);
    assert_eq!(directory.failed_binds(), 1);
}

#[tokio::test]
async fn slapd_refusal_has_one_reason_and_its_control() {
    let directory = slapd().await;
    let mut client = service(&directory).await;
    let long = "Aa1-".repeat(17);
    for (user, new, code, text, error) in [
        (
            "alice",
            "Sh0-rt",
            19,
            "Password fails quality checking policy",
            Some(6),
        ),
        (
            "alice",
            &long,
            19,
            "Password fails quality checking policy",
            Some(9),
        ),
        (
            "alice",
            "{SSHA}Passw0rd",
            19,
            "Password fails quality checking policy",
            Some(5),
        ),
        (
            "alice",
            "Alice-Start-7",
            19,
            "Password is not being changed from existing value",
            Some(8),
        ),
        ("minage", NEW, 19, "Password is too young to change", Some(7)),
        (
            "safemodify",
            NEW,
            50,
            "Must supply old password to be changed as well as new one",
            Some(4),
        ),
        ("alice", "", 53, "new password value is empty", None),
        ("stranger", NEW, 32, "", None),
    ] {
        let answer = client
            .password_modify(&directory.user_dn(user), None, new)
            .await
            .unwrap();
        assert_eq!((answer.code, answer.text.as_str()), (code, text), "{user} {new}");
        assert!(
            error.is_none_or(|error| has_error(&answer, error)),
            "{user} {new} {answer:?}"
        );
    }
    assert_eq!(client.password_modify("alice", None, NEW).await.unwrap().code, 21);
    assert!(directory.ledger().is_empty());
}

#[tokio::test]
async fn slapd_rights_decide_over_rules_and_resets() {
    let directory = slapd().await;
    let mut client = connect(&directory).await;
    let alice = directory.user_dn("alice");
    assert_eq!(client.password_modify(&alice, None, NEW).await.unwrap().code, 8);
    client
        .bind(&directory.user_dn("powerless"), directory.service_password())
        .await;
    assert_eq!(client.password_modify(&alice, None, NEW).await.unwrap().code, 50);
    client
        .bind(&directory.user_dn("bypass"), directory.service_password())
        .await;
    assert_eq!(client.password_modify(&alice, None, "x").await.unwrap().code, 0);
    assert!(directory.accepts("alice", "x"));
}

#[tokio::test]
async fn slapd_change_needs_the_current_password_of_the_bound_user() {
    let directory = slapd().await;
    let mut client = connect(&directory).await;
    let (alice, bob) = (directory.user_dn("alice"), directory.user_dn("bob"));
    assert_eq!(client.bind(&alice, "Alice-Start-7").await.code, 0);
    for (dn, old) in [(&alice, "Wrong-Passw0rd"), (&bob, "Bob-Start-7")] {
        let answer = client.password_modify(dn, Some(old), NEW).await.unwrap();
        assert_eq!(
            (answer.code, answer.text.as_str()),
            (53, "unwilling to verify old password")
        );
    }
    assert_eq!(
        client
            .password_modify(&alice, Some("Alice-Start-7"), NEW)
            .await
            .unwrap()
            .code,
        0
    );
    assert_eq!(directory.ledger()[0].operation, Operation::Change);
    // Wrong ones in the operation are not counted.
    assert_eq!(directory.failed_binds(), 0);
}

#[tokio::test]
async fn slapd_bind_reports_the_state_of_the_account() {
    let directory = slapd().await;
    let mut client = connect(&directory).await;
    let password = directory.special_password();
    for (user, code, error) in [
        ("mustchange", 0, Some(2)),
        ("expired", 49, Some(0)),
        ("locked", 49, Some(1)),
        ("nopassword", 49, None),
        ("grace", 0, None),
    ] {
        let answer = client.bind(&directory.user_dn(user), password).await;
        assert_eq!(answer.code, code, "{user}");
        assert!(
            error.is_none_or(|error| has_error(&answer, error)),
            "{user} {answer:?}"
        );
    }
    client.bind(&directory.user_dn("mustchange"), password).await;
    let answer = client.search(&directory.user_base(), "uid", "alice", "uid").await;
    assert_eq!(answer.code, 50, "only the password may be changed");
    let own = directory.user_dn("mustchange");
    assert_eq!(
        client
            .password_modify(&own, Some(password), NEW)
            .await
            .unwrap()
            .code,
        0
    );
    assert_eq!(
        client
            .search(&directory.user_base(), "uid", "alice", "uid")
            .await
            .code,
        0
    );
    // Five wrong ones lock.
    for _ in 0..5 {
        client.bind(&directory.user_dn("bob"), "Wrong-Passw0rd").await;
    }
    assert_eq!(directory.failures_of("bob"), 5);
    assert_eq!(
        client.bind(&directory.user_dn("bob"), "Bob-Start-7").await.code,
        49
    );
    directory.advance_clock(301);
    assert_eq!(
        client.bind(&directory.user_dn("bob"), "Bob-Start-7").await.code,
        0
    );
}

#[tokio::test]
async fn slapd_entry_csn_changes_with_every_write_and_assertions_see_it() {
    let directory = slapd().await;
    let mut client = service(&directory).await;
    let alice = directory.user_dn("alice");
    let csn = async |client: &mut Client<_>| {
        let answer = client
            .search(&directory.user_base(), "uid", "ALICE", "entryCSN")
            .await;
        let text = String::from_utf8_lossy(&answer.message).into_owned();
        let end = text.find("Z#000000#").unwrap();
        text[end - 21..end].to_owned()
    };
    let before = csn(&mut client).await;
    assert_eq!(csn(&mut client).await, before);
    client.password_modify(&alice, None, NEW).await.unwrap();
    let after = csn(&mut client).await;
    assert!(after > before, "{before} {after}");

    // RFC 4528: the Modify is refused unless the entry is as it was.
    let replace = element(0x30, &[&modification(2, "userPassword", b"New-Passw0rd-2")]);
    let modify = element(0x66, &[&octets(&alice), &replace]);
    for (stamp, code) in [(&before, 122), (&after, 0), (&after, 122)] {
        let filter = element(
            0xa3,
            &[
                &octets("entryCSN"),
                &octets(&format!("{stamp}Z#000000#000#000000")),
            ],
        );
        let control = element(
            0x30,
            &[
                &octets("1.3.6.1.1.12"),
                &[0x01, 1, 0xff],
                &element(0x04, &[&filter]),
            ],
        );
        let message = element(0x30, &[&[0x02, 1, 7], &modify, &element(0xa0, &[&control])]);
        client.0.write_all(&message).await.unwrap();
        let answer = client.read().await.unwrap();
        let (contents, _) = take(take(&answer).1);
        assert_eq!(take(contents).0, [code], "{stamp}");
    }
}

#[tokio::test]
async fn active_directory_reset_counts_a_version_and_keeps_the_previous_password_for_an_hour() {
    let directory = active_directory().await;
    let mut client = service(&directory).await;
    let alice = directory.user_dn("alice");
    let version = async |client: &mut Client<_>| {
        let base = "DC=example,DC=org";
        let answer = client
            .search(base, "sAMAccountName", "alice", "msDS-KeyVersionNumber")
            .await;
        let text = String::from_utf8_lossy(&answer.message).into_owned();
        assert!(
            text.contains("DomainDnsZones"),
            "references are among the responses"
        );
        text.contains("\u{1}2")
    };
    assert!(!version(&mut client).await);
    let answer = client
        .modify(&alice, &[modification(2, "unicodePwd", &quoted(NEW))])
        .await
        .unwrap();
    assert_eq!((answer.code, answer.text.as_str()), (0, ""));
    assert!(version(&mut client).await);
    assert!(directory.accepts("alice", NEW) && !directory.accepts("alice", "Alice-Start-7"));
    assert_eq!(client.bind(&alice, "Alice-Start-7").await.code, 0);
    directory.advance_clock(3601);
    assert_eq!(client.bind(&alice, "Alice-Start-7").await.code, 49);
    assert_eq!(client.bind("EXAMPLE\\alice", NEW).await.code, 0);
    assert_eq!(client.bind("alice@example.org", NEW).await.code, 0);
    assert_eq!(client.bind("alice", NEW).await.code, 49);
}

#[tokio::test]
async fn active_directory_change_by_the_service_judges_old_then_rules() {
    let directory = active_directory().await;
    let mut client = service(&directory).await;
    let password = directory.special_password();
    for (user, old, new, code, hex) in [
        ("alice", "Wrong-Passw0rd", "weak", 19, "00000056"),
        ("alice", "Alice-Start-7", "Sh0-rt", 19, "0000052D"),
        ("alice", "Alice-Start-7", "onlyletters", 19, "0000052D"),
        ("alice", "Alice-Start-7", "xX1-Alice-9", 19, "0000052D"),
        ("alice", "Alice-Start-7", "Alice-Start-7", 19, "0000052D"),
        ("minage", password, NEW, 19, "0000052D"),
        ("locked", password, NEW, 19, "00000775"),
        ("nochange", password, NEW, 50, "00000005"),
        ("stranger", password, NEW, 32, "0000208D"),
        ("mustchange", password, NEW, 0, ""),
        ("expired", password, NEW, 0, ""),
        ("alice", "Alice-Start-7", NEW, 0, ""),
    ] {
        let changes = [
            modification(1, "unicodePwd", &quoted(old)),
            modification(0, "unicodePwd", &quoted(new)),
        ];
        let answer = client.modify(&directory.user_dn(user), &changes).await.unwrap();
        assert_eq!(answer.code, code, "{user} {new} {answer:?}");
        assert!(answer.text.starts_with(hex), "{user} {new} {answer:?}");
    }
    assert_eq!(directory.failures_of("alice"), 1);
    assert_eq!(directory.ledger().len(), 3);
}

#[tokio::test]
async fn active_directory_bind_names_the_state_only_for_the_right_password() {
    let directory = active_directory().await;
    let mut client = connect(&directory).await;
    for (user, data) in [
        ("mustchange", "773"),
        ("expired", "532"),
        ("disabled", "533"),
        ("accountexpired", "701"),
        ("locked", "775"),
        ("nopassword", "52e"),
    ] {
        let right = client
            .bind(&directory.user_dn(user), directory.special_password())
            .await;
        assert!(right.text.contains(&format!("data {data},")), "{user} {right:?}");
        let wrong = client.bind(&directory.user_dn(user), "Wrong-Passw0rd").await;
        let expected = if user == "locked" { "775" } else { "52e" };
        assert!(
            wrong.text.contains(&format!("data {expected},")),
            "{user} {wrong:?}"
        );
    }
}

#[tokio::test]
async fn active_directory_compare_and_swap_refuses_the_second_of_two() {
    let directory = active_directory().await;
    let mut client = service(&directory).await;
    let alice = directory.user_dn("alice");
    let answer = client
        .search("DC=example,DC=org", "mail", "alice@example.com", "pwdLastSet")
        .await;
    let start = answer
        .message
        .windows(2)
        .position(|pair| pair == b"\x04\x12")
        .unwrap()
        + 2;
    let last_set = answer.message[start..start + 18].to_vec();
    let changes = [
        modification(1, "pwdLastSet", &last_set),
        modification(0, "pwdLastSet", b"-1"),
        modification(2, "unicodePwd", &quoted(NEW)),
    ];
    assert_eq!(client.modify(&alice, &changes).await.unwrap().code, 0);
    let again = client.modify(&alice, &changes).await.unwrap();
    assert_eq!(again.code, 16);
    assert!(again.text.starts_with("00002085"), "{again:?}");
    assert_eq!(directory.changes_of("alice"), 1);
}

#[tokio::test]
async fn active_directory_modify_applies_as_a_whole_or_not_at_all() {
    let directory = active_directory().await;
    let mut client = service(&directory).await;
    let locked = directory.user_dn("locked");
    let unlock = modification(2, "lockoutTime", b"0");
    let weak = modification(2, "unicodePwd", &quoted("weak"));
    assert_eq!(
        client
            .modify(&locked, &[weak, unlock.clone()])
            .await
            .unwrap()
            .code,
        19
    );
    let bound = client.bind(&locked, directory.special_password()).await;
    assert!(bound.text.contains("data 775"), "still locked: {bound:?}");
    let mut client = service(&directory).await;
    let new = modification(2, "unicodePwd", &quoted(NEW));
    assert_eq!(
        client.modify(&locked, &[new.clone(), unlock]).await.unwrap().code,
        0
    );
    let protected = client
        .modify(&directory.user_dn("protected"), &[new])
        .await
        .unwrap();
    assert_eq!((protected.code, &protected.text[..8]), (50, "00000005"));
    assert_eq!(client.bind(&locked, NEW).await.code, 0);
}

#[tokio::test]
async fn active_directory_has_the_texts_of_samba_on_request() {
    let options = DirectoryOptions {
        texts: DirectoryTexts::Samba,
        ..DirectoryOptions::new(DirectoryKind::ActiveDirectory)
    };
    let directory = Directory::start_with(options).await.unwrap();
    let mut client = service(&directory).await;
    let short = modification(2, "unicodePwd", &quoted("Sh0-rt"));
    let answer = client
        .modify(&directory.user_dn("alice"), &[short])
        .await
        .unwrap();
    assert!(
        answer.text.starts_with("0000052D") && answer.text.contains("longer than 8 characters"),
        "{answer:?}"
    );
    let new = modification(2, "unicodePwd", &quoted(NEW));
    let answer = client.modify(&directory.user_dn("alice"), &[new]).await.unwrap();
    assert_eq!((answer.code, answer.text.as_str()), (0, "00000000: Success"));
}

#[tokio::test]
async fn active_directory_refuses_binds_in_clear_and_start_tls_lets_them_through() {
    let directory = active_directory().await;
    let mut plain = Client(TcpStream::connect(directory.addr()).await.unwrap());
    let (dn, password) = (directory.service_dn(), directory.service_password());
    assert_eq!(plain.bind(&dn, password).await.code, 8);
    let start = element(0x77, &[&element(0x80, &[b"1.3.6.1.4.1.1466.20037"])]);
    assert_eq!(plain.exchange(&start, &[]).await.unwrap().code, 0);
    let name = ServerName::try_from("localhost").unwrap();
    let mut client = Client(connector(&directory).connect(name, plain.0).await.unwrap());
    assert_eq!(client.bind(&dn, password).await.code, 0);
    assert_eq!(
        client.exchange(&start, &[]).await.unwrap().code,
        1,
        "TLS is started once"
    );
}

#[tokio::test]
async fn cut_before_or_after_a_change_differs_only_in_the_ledger() {
    for (kind, when, applied) in [
        (DirectoryKind::Slapd, Timing::BeforeApply, 0),
        (DirectoryKind::Slapd, Timing::AfterApply, 1),
        (DirectoryKind::ActiveDirectory, Timing::BeforeApply, 0),
        (DirectoryKind::ActiveDirectory, Timing::AfterApply, 1),
    ] {
        for (after, how) in [
            (0, CutKind::Fin),
            (0, CutKind::Rst),
            (5, CutKind::Fin),
            (5, CutKind::Rst),
        ] {
            let directory = Directory::start(kind).await.unwrap();
            directory.inject(DirectoryFault {
                user: Some("alice".to_owned()),
                when,
                cut: Some(DirectoryCut { after, how }),
                ..DirectoryFault::default()
            });
            let mut client = service(&directory).await;
            let alice = directory.user_dn("alice");
            let answer = match kind {
                DirectoryKind::Slapd => client.password_modify(&alice, None, NEW).await,
                DirectoryKind::ActiveDirectory => {
                    client
                        .modify(&alice, &[modification(2, "unicodePwd", &quoted(NEW))])
                        .await
                }
            };
            assert!(answer.is_none(), "{answer:?}");
            assert_eq!(
                directory.changes_of("alice"),
                applied,
                "{kind} {when} {after} {how}"
            );
        }
    }
}

#[tokio::test]
async fn fault_replaces_the_response_of_the_request_it_names() {
    let directory = slapd().await;
    let mut client = service(&directory).await;
    let (alice, bob) = (directory.user_dn("alice"), directory.user_dn("bob"));
    directory.inject(DirectoryFault {
        user: Some("bob".to_owned()),
        nth: 2,
        respond: Some(DirectoryResponse::Result {
            code: 51,
            text: "busy".to_owned(),
            referral: None,
        }),
        ..DirectoryFault::default()
    });
    assert_eq!(client.password_modify(&bob, None, NEW).await.unwrap().code, 0);
    assert_eq!(client.password_modify(&alice, None, NEW).await.unwrap().code, 0);
    assert_eq!(
        client
            .password_modify(&bob, None, "New-Passw0rd-2")
            .await
            .unwrap()
            .code,
        51
    );
    assert!(directory.accepts("bob", NEW));
    assert_eq!(
        client
            .password_modify(&bob, None, "New-Passw0rd-3")
            .await
            .unwrap()
            .code,
        0
    );

    directory.inject(DirectoryFault {
        when: Timing::AfterApply,
        respond: Some(DirectoryResponse::Bytes(
            b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        )),
        ..DirectoryFault::default()
    });
    let value = element(
        0x30,
        &[
            &element(0x80, &[alice.as_bytes()]),
            &element(0x82, &[b"New-Passw0rd-4"]),
        ],
    );
    let oid = element(0x80, &[b"1.3.6.1.4.1.4203.1.11.1"]);
    let request = element(0x77, &[&oid, &element(0x81, &[&value])]);
    client
        .0
        .write_all(&element(0x30, &[&[0x02, 1, 9], &request]))
        .await
        .unwrap();
    let mut garbage = [0; 28];
    client.0.read_exact(&mut garbage).await.unwrap();
    assert!(garbage.starts_with(b"HTTP/1.1 400"));
    assert!(directory.accepts("alice", "New-Passw0rd-4"));

    directory.inject(DirectoryFault {
        operation: DirectoryOperation::Search,
        respond: Some(DirectoryResponse::MessageId(3)),
        ..DirectoryFault::default()
    });
    client
        .0
        .write_all(&element(0x30, &[&[0x02, 1, 9], &root_dse()]))
        .await
        .unwrap();
    let answer = client.read().await.unwrap();
    assert_eq!(take(&answer).0, [12], "message 9 is answered as 12");
}

fn root_dse() -> Vec<u8> {
    let limits = [0x0a, 1, 0, 0x0a, 1, 0, 0x02, 1, 0, 0x02, 1, 0, 0x01, 1, 0];
    let filter = element(0x87, &[b"objectClass"]);
    element(0x63, &[&octets(""), &limits, &filter, &element(0x30, &[])])
}

#[tokio::test]
async fn delayed_change_is_applied_after_the_client_has_left() {
    let directory = slapd().await;
    directory.inject(DirectoryFault {
        delay_ms: 50,
        ..DirectoryFault::default()
    });
    let mut client = service(&directory).await;
    let alice = directory.user_dn("alice");
    let value = element(
        0x30,
        &[
            &element(0x80, &[alice.as_bytes()]),
            &element(0x82, &[NEW.as_bytes()]),
        ],
    );
    let oid = element(0x80, &[b"1.3.6.1.4.1.4203.1.11.1"]);
    let request = element(0x77, &[&oid, &element(0x81, &[&value])]);
    client
        .0
        .write_all(&element(0x30, &[&[0x02, 1, 9], &request]))
        .await
        .unwrap();
    client.0.flush().await.unwrap();
    drop(client);
    while directory.ledger().is_empty() {
        tokio::task::yield_now().await;
    }
    assert!(directory.accepts("alice", NEW));
}

#[tokio::test]
async fn reset_restores_users_ledger_and_faults() {
    let options = DirectoryOptions {
        users: 10,
        seeded: vec![("zoe".to_owned(), "Zoe-Start-7".into())],
        ..DirectoryOptions::new(DirectoryKind::Slapd)
    };
    let directory = Directory::start_with(options).await.unwrap();
    assert!(directory.accepts("zoe", "Zoe-Start-7"));
    assert!(
        directory.accepts("user000010", "Start-000-010") && !directory.accepts("user000011", "Start-000-011")
    );
    let mut client = service(&directory).await;
    client
        .password_modify(&directory.user_dn("zoe"), None, NEW)
        .await
        .unwrap();
    directory.close_next_connections(1);
    let refused = TcpStream::connect(directory.addr()).await.unwrap();
    let name = ServerName::try_from("localhost").unwrap();
    assert!(connector(&directory).connect(name, refused).await.is_err());
    directory.inject(DirectoryFault {
        respond: Some(DirectoryResponse::MessageId(1)),
        ..DirectoryFault::default()
    });
    directory.reset();
    assert!(directory.accepts("zoe", "Zoe-Start-7") && directory.ledger().is_empty());
    let answer = client
        .password_modify(&directory.user_dn("zoe"), None, NEW)
        .await
        .unwrap();
    assert_eq!(answer.code, 0);
}
