//! The LDAP wire against a server in memory: what was sent, what was not, and what each ending proves.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use repass_transport::ldap::ber::sequence_size;
use repass_transport::ldap::{
    Entry, Extended, Filter, Identity, LdapChange, LdapConnector, LdapCredentials, LdapLink, LdapResult,
    LdapTransport, Message, Modification, Operation, PasswordModify, Reply, Request, Response, Scope, Search,
    Session, Value, oid,
};
use repass_transport::{Cause, Instant, SideEffect, Timeouts, TransportError};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

/// What the server does with one request.
#[derive(Debug, Clone)]
enum Step {
    /// Answers with this code.
    Code(u32),
    /// Answers a search with these entries, a reference to another server, and success.
    Entries(Vec<Entry>),
    /// Answers with these bytes.
    Bytes(&'static [u8]),
    /// Answers with a message id that no request had.
    OtherId,
    /// Announces that it closes, as RFC 4511 defines it.
    Notice,
    /// Answers, and closes at once.
    CodeThenClose(u32),
    /// Closes without a response.
    Close,
    /// Reads and never answers.
    Silence,
}

/// Plays one script for each connection, and notes the requests it read.
#[derive(Debug, Clone, Default)]
struct Server {
    scripts: Arc<Mutex<VecDeque<Vec<Step>>>>,
    read: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn new(scripts: impl IntoIterator<Item = Vec<Step>>) -> Self {
        let server = Self::default();
        server.scripts.lock().unwrap().extend(scripts);
        server
    }

    fn transport(&self) -> LdapTransport {
        let credentials = LdapCredentials::Simple {
            name: "cn=service".to_owned(),
            password: "canary-service".to_owned().into(),
        };
        LdapTransport::new(self.clone(), credentials, Timeouts::default()).seeded(7)
    }

    fn requests(&self) -> Vec<String> {
        self.read.lock().unwrap().clone()
    }
}

#[async_trait]
impl LdapConnector for Server {
    fn host(&self) -> &'static str {
        "dc.test:636"
    }

    async fn connect(&self, _: Instant) -> Result<LdapLink, TransportError> {
        let Some(script) = self.scripts.lock().unwrap().pop_front() else {
            return Err(TransportError::not_sent(Cause::Unreachable, "connection refused"));
        };
        let (client, server) = duplex(1 << 16);
        tokio::spawn(play(server, script, Arc::clone(&self.read)));
        Ok(LdapLink::new(client, "10.0.0.1:636"))
    }
}

async fn play(mut stream: DuplexStream, script: Vec<Step>, read: Arc<Mutex<Vec<String>>>) {
    for step in script {
        let mut bytes = Vec::new();
        loop {
            match sequence_size(&bytes, 1 << 16).unwrap() {
                Some(size) if size <= bytes.len() => break,
                _ => match stream.read_u8().await {
                    Ok(byte) => bytes.push(byte),
                    Err(_) => return,
                },
            }
        }
        let (id, request, _) = Request::decode(&bytes).unwrap();
        let shown = format!("{request:?}");
        let name = shown.split([' ', '(']).next().unwrap().to_owned();
        read.lock().unwrap().push(name);
        let response = |code| {
            let result = LdapResult::new(code, "");
            match request {
                Request::Bind { .. } => Response::Bind(result),
                Request::Search(_) => Response::SearchDone(result),
                Request::Modify { .. } => Response::Modify(result),
                _ => Response::Extended(Extended {
                    result,
                    name: None,
                    value: None,
                }),
            }
        };
        let message = |id, response| Message {
            id,
            response,
            controls: vec![],
        };
        let messages = match step.clone() {
            Step::Code(code) | Step::CodeThenClose(code) => vec![message(id, response(code))],
            Step::Entries(entries) => {
                let mut messages: Vec<_> = entries
                    .into_iter()
                    .map(|entry| message(id, Response::Entry(entry)))
                    .collect();
                messages.push(message(id, Response::Reference));
                messages.push(message(id, response(0)));
                messages
            }
            Step::OtherId => vec![message(id + 7, response(0))],
            Step::Notice => vec![message(
                0,
                Response::Extended(Extended {
                    result: LdapResult::new(52, "going down"),
                    name: Some(oid::NOTICE_OF_DISCONNECTION.to_owned()),
                    value: None,
                }),
            )],
            Step::Bytes(bytes) => {
                stream.write_all(bytes).await.unwrap();
                vec![]
            }
            Step::Close => return,
            Step::Silence => vec![],
        };
        for message in messages {
            stream.write_all(&message.encode().unwrap()).await.unwrap();
        }
        if matches!(step, Step::CodeThenClose(_)) {
            return;
        }
    }
    // Until the client closes.
    let _ = stream.read_u8().await;
}

fn reset() -> LdapChange<'static> {
    let value = PasswordModify {
        user: "uid=alice",
        old: None,
        new: Some("canary-new"),
    };
    LdapChange {
        operation: "ldap.reset",
        rate_label: None,
        request: Request::Extended {
            name: oid::PASSWORD_MODIFY,
            value: Some(Value::PasswordModify(value)),
        },
        controls: vec![],
        before_send: None,
    }
}

const BUDGET: Duration = Duration::from_secs(60);

async fn change(server: &Server) -> Result<Reply, TransportError> {
    let transport = server.transport();
    let mut session = open(&transport).await;
    session.change(reset()).await
}

async fn open(transport: &LdapTransport) -> Session<'_> {
    transport.open(Identity::Service, BUDGET).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn change_gets_its_response() {
    let server = Server::new([vec![Step::Code(0), Step::Code(19)]]);
    let reply = change(&server).await.unwrap();
    assert_eq!((reply.result.code, reply.has_value), (19, false));
    assert_eq!(server.requests(), ["Bind", "Extended"]);
}

#[tokio::test(start_paused = true)]
async fn change_without_a_readable_response_is_lost_and_never_sent_again() {
    for (ending, cause) in [
        (Step::Close, Cause::ConnectionLost),
        (Step::Notice, Cause::ConnectionLost),
        (Step::Silence, Cause::TimedOut),
        (Step::OtherId, Cause::UnreadableAnswer),
        (
            Step::Bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n"),
            Cause::UnreadableAnswer,
        ),
        (Step::Bytes(b"\x30\x80\x02\x01\x02"), Cause::UnreadableAnswer),
        // A whole message of another operation: the response to a bind.
        (
            Step::Bytes(b"\x30\x0c\x02\x01\x02\x61\x07\x0a\x01\x00\x04\x00\x04\x00"),
            Cause::UnreadableAnswer,
        ),
    ] {
        let server = Server::new([
            vec![Step::Code(0), ending.clone()],
            vec![Step::Code(0), Step::Code(0)],
        ]);
        let failure = change(&server).await.unwrap_err();
        assert_eq!(
            (failure.cause(), failure.acted()),
            (cause, SideEffect::Possible),
            "{ending:?}"
        );
        assert_eq!(server.requests(), ["Bind", "Extended"], "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn change_on_a_connection_that_has_ended_is_not_sent() {
    let server = Server::new([vec![Step::CodeThenClose(0)]]);
    let transport = server.transport();
    let mut session = open(&transport).await;
    tokio::task::yield_now().await;
    let failure = session.change(reset()).await.unwrap_err();
    assert_eq!(failure.acted(), SideEffect::None);
    assert_eq!(server.requests(), ["Bind"]);
}

#[tokio::test(start_paused = true)]
async fn change_that_the_caller_withholds_is_not_sent() {
    let server = Server::new([vec![Step::Code(0), Step::Code(0)]]);
    let transport = server.transport();
    let mut session = open(&transport).await;
    let withheld = LdapChange {
        before_send: Some(Arc::new(|| Box::pin(async { false }))),
        ..reset()
    };
    let failure = session.change(withheld).await.unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Withheld, SideEffect::None)
    );
    assert_eq!(server.requests(), ["Bind"]);
}

#[tokio::test(start_paused = true)]
async fn bind_of_the_service_is_retried_until_the_server_judges_it() {
    let lost = vec![Step::Close];
    let server = Server::new([
        lost.clone(),
        vec![Step::Code(51)],
        vec![Step::Code(52)],
        vec![Step::Code(49)],
        vec![Step::Code(0)],
    ]);
    let transport = server.transport();
    let session = transport.open(Identity::Service, BUDGET).await.unwrap();
    assert_eq!(session.bound().result.code, 49);
    assert_eq!(server.requests().len(), 4);
}

#[tokio::test(start_paused = true)]
async fn bind_of_a_user_is_sent_once() {
    let user = Identity::User {
        name: "uid=alice",
        password: "canary-old",
    };
    for ending in [Step::Close, Step::Silence, Step::Code(52)] {
        let server = Server::new([vec![ending.clone()], vec![Step::Code(0)]]);
        let transport = server.transport();
        let result = transport.open(user, BUDGET).await;
        let code = result.map(|session| session.bound().result.code);
        assert!(!matches!(code, Ok(0)), "{ending:?}");
        assert_eq!(server.requests(), ["Bind"], "{ending:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn connection_refused_is_retried_within_the_budget() {
    let server = Server::default();
    let transport = server.transport();
    let start = Instant::now();
    let failure = transport
        .open(Identity::Service, Duration::from_secs(1))
        .await
        .unwrap_err();
    assert_eq!(
        (failure.cause(), failure.acted()),
        (Cause::Unreachable, SideEffect::None)
    );
    assert!(start.elapsed() <= Duration::from_secs(1), "{:?}", start.elapsed());
}

#[tokio::test(start_paused = true)]
async fn budget_of_zero_sends_nothing() {
    let server = Server::new([vec![Step::Code(0)]]);
    let transport = server.transport();
    let failure = transport
        .open(Identity::Service, Duration::ZERO)
        .await
        .unwrap_err();
    assert_eq!(failure.cause(), Cause::BudgetExhausted);
    assert!(server.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn silent_server_ends_the_change_at_the_budget() {
    let server = Server::new([vec![Step::Code(0), Step::Silence]]);
    let transport = server.transport();
    let start = Instant::now();
    let mut session = transport
        .open(Identity::Service, Duration::from_secs(5))
        .await
        .unwrap();
    let failure = session.change(reset()).await.unwrap_err();
    assert_eq!(failure.acted(), SideEffect::Possible);
    assert_eq!(start.elapsed(), Duration::from_secs(5));
}

#[tokio::test(start_paused = true)]
async fn bind_without_a_password_is_never_sent() {
    let server = Server::new([vec![Step::Code(0)], vec![Step::Code(0)]]);
    let transport = server.transport();
    for (name, password) in [("uid=alice", ""), ("", "canary-old")] {
        let failure = transport
            .open(Identity::User { name, password }, BUDGET)
            .await
            .unwrap_err();
        assert_eq!(failure.cause(), Cause::Misconfigured);
    }
    assert!(server.requests().is_empty());
}

#[tokio::test(start_paused = true)]
async fn search_skips_references_and_returns_entries() {
    let entry = Entry {
        dn: "uid=alice,dc=example,dc=org".to_owned(),
        attributes: vec![("entryCSN".to_owned(), vec![b"1".to_vec()])],
    };
    let server = Server::new([vec![
        Step::Code(0),
        Step::Entries(vec![entry.clone()]),
        Step::Code(0),
    ]]);
    let transport = server.transport();
    let mut session = open(&transport).await;
    let search = Search {
        base: "dc=example,dc=org",
        scope: Scope::Subtree,
        size_limit: 2,
        filter: Filter::Equality("uid", b"alice"),
        attributes: vec!["entryCSN"],
    };
    let (entries, reply) = session.search("ldap.search", search).await.unwrap();
    assert_eq!((entries, reply.result.code), (vec![entry], 0));
    // The connection goes on where the search ended.
    let modify = LdapChange {
        request: Request::Modify {
            entry: "uid=alice",
            changes: vec![Modification::new(
                Operation::Replace,
                "userPassword",
                Value::Bytes(b"canary-new"),
            )],
        },
        ..reset()
    };
    assert_eq!(session.change(modify).await.unwrap().result.code, 0);
}

#[tokio::test(start_paused = true)]
async fn debug_of_the_wire_shows_no_secret() {
    let server = Server::new([vec![Step::Code(0)]]);
    let transport = server.transport();
    let session = open(&transport).await;
    let user = Identity::User {
        name: "uid=alice",
        password: "canary-old",
    };
    let shown = format!("{transport:?} {session:?} {user:?} {:?}", reset());
    assert!(!shown.contains("canary"), "{shown}");
    assert_eq!(
        transport.redactor().sanitize("'canary-service' is wrong"),
        "'[redacted]' is wrong"
    );
}
