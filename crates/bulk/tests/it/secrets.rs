//! The file of secrets.

use std::fs;

use repass_bulk::{
    Key, PasswordSource, Recipients, Run, RunManifest, SecretStatus, SecretsProtection, StopReason,
};
use secrecy::ExposeSecret as _;

use crate::world::{World, options};

#[tokio::test]
async fn passphrase_opens_batches_of_later_sessions() {
    let world = World::new(&["ann", "down"]);
    let manifest = RunManifest {
        passwords: PasswordSource::Generated,
        input: None,
        provider: None,
        secrets: None,
    };
    let to = SecretsProtection::Passphrase("correct horse".into());
    let (mut run, manifest) = Run::create(&world.run(), manifest, Some((world.secrets_file(), to))).unwrap();
    let input = World::input("user\nann\ndown\n", PasswordSource::Generated).unwrap();
    run.ingest(input).unwrap();
    let (run, _) = world.go(run, &manifest, options()).await;
    drop(run);
    world.service.up();
    let (mut run, manifest) = Run::open(&world.run()).unwrap();
    run.requeue().unwrap();
    let (_, stopped) = world.go(run, &manifest, options()).await;
    assert_eq!(stopped, StopReason::Completed);
    let mut users = Vec::new();
    let key = Key::Passphrase("correct horse".into());
    repass_bulk::read_secrets(&world.secrets_file(), &key, |opened| {
        users.push(opened.user);
        Ok(())
    })
    .unwrap();
    assert_eq!(users, ["ann", "down", "down"]);
    let wrong = Key::Passphrase("wrong horse".into());
    let refused = repass_bulk::read_secrets(&world.secrets_file(), &wrong, |_| Ok(())).unwrap_err();
    assert!(
        refused.to_string().contains("the passphrase is wrong"),
        "{refused}"
    );
    let other = repass_bulk::read_secrets(&world.secrets_file(), &world.key(), |_| Ok(())).unwrap_err();
    assert!(other.to_string().contains("encrypted to another key"), "{other}");
}

#[tokio::test]
async fn secrets_batch_truncated_by_a_crash_is_skipped_and_counted() {
    let world = World::new(&["ann", "down"]);
    let (run, manifest) = world.begin(&["ann", "down"]);
    let (run, _) = world.go(run, &manifest, options()).await;
    drop(run);
    let whole = fs::read(world.secrets_file()).unwrap();
    // As when the disk was full in the middle of the next batch.
    let mut cut = whole.clone();
    cut.extend_from_slice(&whole[..whole.len() / 2]);
    fs::write(world.secrets_file(), cut).unwrap();
    world.service.up();
    let (mut run, manifest) = Run::open(&world.run()).unwrap();
    run.requeue().unwrap();
    world.go(run, &manifest, options()).await;
    let mut states = Vec::new();
    let cut = repass_bulk::read_secrets(&world.secrets_file(), &world.key(), |opened| {
        states.push(opened.attempt);
        Ok(())
    });
    assert_eq!((cut.unwrap(), states), (1, vec![1, 1, 2]));
    let states: Vec<SecretStatus> = world.secrets().into_iter().map(|secret| secret.state).collect();
    assert_eq!(
        states,
        [
            SecretStatus::Current,
            SecretStatus::Refused,
            SecretStatus::Current
        ]
    );
}

#[tokio::test]
async fn secrets_file_that_was_modified_is_rejected() {
    let world = World::new(&["ann"]);
    let (run, manifest) = world.begin(&["ann"]);
    world.go(run, &manifest, options()).await;
    let text = fs::read_to_string(world.secrets_file()).unwrap();
    let at = text.rfind("-----END").unwrap() - 12;
    let mut bytes = text.into_bytes();
    bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
    fs::write(world.secrets_file(), bytes).unwrap();
    let problem = repass_bulk::read_secrets(&world.secrets_file(), &world.key(), |_| Ok(())).unwrap_err();
    assert!(problem.to_string().contains("modified"), "{problem}");
}

#[test]
fn recipient_with_a_typo_is_rejected_and_a_secret_key_never_quoted() {
    let public = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    assert!(Recipients::new([public]).is_ok());
    let typo = public.replace("ql3z7", "ql3z6");
    let problem = Recipients::new([public, &typo]).unwrap_err().to_string();
    assert!(
        problem.contains(&typo) && problem.contains("checksum"),
        "{problem}"
    );
    let problem = Recipients::new(["AGE-SECRET-KEY-1CANARY"])
        .unwrap_err()
        .to_string();
    assert!(
        !problem.contains("CANARY") && problem.contains("public key"),
        "{problem}"
    );
    assert!(Recipients::in_file("# nobody\n\n").is_err());
    assert!(Recipients::in_file(&format!("# me\n{public}\n")).is_ok());
    assert!(Key::in_file("# nothing\n").is_err());
    assert!(!Key::in_file("canary").unwrap_err().to_string().contains("canary"));
}

#[test]
#[expect(clippy::disallowed_methods, reason = "a key that the test has made up")]
fn unsupported_keys_are_identified_with_advice() {
    let public = "age1ql3z7hjy54pw3hyww5ayyfg7zqgvc7w3j2elw8zmrj2kg5sfn9aqmcac8p";
    for (text, what) in [
        (
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5 me@here".to_owned(),
            "is an ssh key",
        ),
        ("ecdsa-sha2-nistp256 AAAA".to_owned(), "is an ssh key"),
        (
            "age1yubikey1q2w7u3vpya839jxxuq8g0sedh3d740d4xvn639sqhr95ejj8vu3hyfumptt".to_owned(),
            "is a recipient of the age plugin yubikey",
        ),
        (
            "age1fido2-hmac1qqqqqqqq".to_owned(),
            "is a recipient of the age plugin fido2-hmac",
        ),
        (
            "AGE-PLUGIN-YUBIKEY-1QQQ".to_owned(),
            "is the identity of an age plugin",
        ),
        (format!("{public},{public}"), "is more than one recipient"),
        (format!("{public} {public}"), "is more than one recipient"),
        (
            "-----BEGIN PGP PUBLIC KEY BLOCK-----".to_owned(),
            "is not an age key",
        ),
    ] {
        let problem = Recipients::new([&text]).unwrap_err().to_string();
        assert!(problem.contains(what), "{problem}");
        assert!(
            problem.contains("age-keygen") || problem.contains("--recipient once"),
            "{problem}"
        );
    }
    assert!(Recipients::in_file(&format!("\u{feff}# me\r\n{public}\r\n")).is_ok());
    for (text, what) in [
        (
            "# me\nAGE-PLUGIN-YUBIKEY-1CANARY",
            "line 2 is the identity of an age plugin",
        ),
        ("AGE-SECRET-KEY-PQ-1CANARY", "line 1 is a post-quantum key"),
        (
            "-----BEGIN OPENSSH PRIVATE KEY-----\ncanary\n",
            "line 1 is a private key of ssh",
        ),
        (
            "-----BEGIN RSA PRIVATE KEY-----\ncanary\n",
            "line 1 is a private key of ssh",
        ),
        ("ssh-ed25519 canary", "line 1 is a public key of ssh"),
        (public, "line 1 is a public key; give the file of the secret key"),
        (
            "age-encryption.org/v1\n-> scrypt canary",
            "is protected by a passphrase",
        ),
        (
            "-----BEGIN AGE ENCRYPTED FILE-----\ncanary",
            "is protected by a passphrase",
        ),
    ] {
        let problem = Key::in_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(
            problem.starts_with(what) && !problem.to_lowercase().contains("canary"),
            "{problem}"
        );
    }
    let binary = Key::in_bytes(b"age-encryption.org/v1\n-> scrypt x\n\xff\xfe").unwrap_err();
    assert!(
        binary.to_string().starts_with("is protected by a passphrase"),
        "{binary}"
    );
    let key = age::x25519::Identity::generate().to_string();
    let text = format!("\u{feff}# created\r\n{}\r\n", key.expose_secret());
    assert!(Key::in_bytes(text.as_bytes()).is_ok());
}

#[test]
fn existing_secrets_file_is_never_overwritten() {
    let world = World::new(&[]);
    fs::write(world.secrets_file(), "precious").unwrap();
    let manifest = RunManifest {
        passwords: PasswordSource::Generated,
        input: None,
        provider: None,
        secrets: None,
    };
    let to = Some((world.secrets_file(), world.to()));
    let problem = Run::create(&world.run(), manifest, to).unwrap_err();
    assert!(!world.run().exists());
    assert!(problem.to_string().contains("exists already"), "{problem}");
    assert_eq!(fs::read_to_string(world.secrets_file()).unwrap(), "precious");
}
