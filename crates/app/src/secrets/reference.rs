//! Where a secret comes from.

use std::fmt;
use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

use super::bytes::{read_at_most, without_byte_order_mark, without_final_newline};
use super::command;
use super::file::open_private;

// Far above any token there is, so that a wrong file is reported from a long secret.
const MAX_BYTES: usize = 64 * 1024;

/// A reference to a secret: where it comes from. A configuration file holds this, never the secret.
///
/// ```
/// use repass::secrets::SecretRef;
///
/// let reference = SecretRef::Env("REPASS_EXAMPLE_UNSET".into());
/// let error = reference.fetch().unwrap_err();
/// assert_eq!(error.to_string(), "the environment variable REPASS_EXAMPLE_UNSET is not set");
/// ```
#[derive(Clone)]
#[non_exhaustive]
pub enum SecretRef {
    /// `{ env = "NAME" }`: an environment variable, without one newline at its end.
    Env(String),
    /// `{ file = "PATH" }`: a file that only this process's user and root can read, or one that a service
    /// manager or container mounts, without a byte order mark at its
    /// start and one newline at its end. It holds one line.
    File(PathBuf),
    /// `{ command = ["PROGRAM", "ARGUMENT", …] }`: what a program prints, read as a file is.
    /// No shell is involved; the program gets no input, cannot ask at the terminal, and what it says on its error
    /// output is dropped. It is ended when it takes too long, with all that it has started.
    Command(Vec<String>),
    /// The secret itself, for a configuration that is made in code. A file cannot hold it.
    Value(SecretString),
}

impl SecretRef {
    /// The default timeout of the program of [`SecretRef::Command`]: 10 seconds.
    pub const COMMAND_TIMEOUT: Duration = Duration::from_secs(10);

    /// Fetches the secret. May wait for the program of [`SecretRef::Command`], for
    /// [`COMMAND_TIMEOUT`](Self::COMMAND_TIMEOUT).
    ///
    /// # Errors
    /// Says what is wrong with the reference; never quotes anything that was read.
    pub fn fetch(&self) -> Result<SecretString, SecretError> {
        self.fetch_within(Self::COMMAND_TIMEOUT)
    }

    /// Fetches the secret, with another timeout for the program of [`SecretRef::Command`].
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    pub fn fetch_within(&self, limit: Duration) -> Result<SecretString, SecretError> {
        self.fetch_text(limit, Lines::One)
    }

    /// The same for a private key in PEM, which has more than one line.
    ///
    /// # Errors
    /// As [`fetch`](Self::fetch).
    #[cfg(feature = "http")]
    pub(crate) fn fetch_key_within(&self, limit: Duration) -> Result<SecretString, SecretError> {
        self.fetch_text(limit, Lines::Many)
    }

    fn fetch_text(&self, limit: Duration, lines: Lines) -> Result<SecretString, SecretError> {
        match self {
            Self::Env(name) => from_env(name, lines),
            Self::File(path) => {
                let mut file = open_private(path).map_err(SecretError::new)?;
                let bytes = read(&mut file, &path.display())?;
                text(&bytes, &path.display(), lines)
            }
            Self::Command(argv) => {
                let bytes = command::output(argv, MAX_BYTES, limit)?;
                let program = argv.first().map_or("", String::as_str);
                text(&bytes, &format_args!("the command `{program}`"), lines)
            }
            Self::Value(secret) => Ok(secret.clone()),
        }
    }
}

/// How many lines a secret may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    One,
    #[cfg(feature = "http")]
    Many,
}

impl fmt::Debug for SecretRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Env(name) => write!(f, "Env({name:?})"),
            Self::File(path) => write!(f, "File({path:?})"),
            // People do put secrets into arguments.
            Self::Command(argv) => write!(f, "Command({:?}, …)", argv.first()),
            Self::Value(_) => f.write_str("Value([REDACTED])"),
        }
    }
}

/// Shows the reference as a file would hold it, but of a program only its name: people do put secrets into
/// arguments, which are shown as `…`. [`SecretRef::Value`] is shown as `{ value = "[redacted]" }`.
impl Serialize for SecretRef {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Env(name) => serializer.collect_map([("env", name)]),
            Self::File(path) => serializer.collect_map([("file", path.display().to_string())]),
            Self::Command(argv) => {
                let hidden = argv.iter().skip(1).map(|_| "…").take(1);
                let shown: Vec<&str> = argv
                    .first()
                    .map(String::as_str)
                    .into_iter()
                    .chain(hidden)
                    .collect();
                serializer.collect_map([("command", shown)])
            }
            Self::Value(_) => serializer.collect_map([("value", "[redacted]")]),
        }
    }
}

/// The error for a secret that could not be fetched. Holds nothing of the secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SecretError {
    message: String,
    is_timeout: bool,
}

impl SecretError {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            is_timeout: false,
        }
    }

    pub(super) fn late(message: String) -> Self {
        Self {
            message,
            is_timeout: true,
        }
    }

    pub(super) fn too_long(shown: &dyn fmt::Display, most: usize) -> Self {
        Self::new(format!("{shown} gives more than {most} bytes; that is no secret"))
    }

    /// Whether the secret's program did not end in time, so that the same may work later.
    pub fn is_timeout(&self) -> bool {
        self.is_timeout
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for SecretError {}

fn from_env(name: &str, lines: Lines) -> Result<SecretString, SecretError> {
    let shown = format_args!("the environment variable {name}");
    // `var_os` panics or misreads on names that cannot be; say so instead.
    if name.is_empty() || name.contains(['=', '\0']) {
        return Err(SecretError::new(
            "the name of the environment variable is not a name".to_owned(),
        ));
    }
    match std::env::var_os(name).map(std::ffi::OsString::into_string) {
        None => Err(SecretError::new(format!("{shown} is not set"))),
        Some(Err(_)) => Err(SecretError::new(format!("{shown} is not valid UTF-8"))),
        Some(Ok(value)) => {
            let value = Zeroizing::new(value);
            if value.is_empty() {
                return Err(SecretError::new(format!("{shown} is empty")));
            }
            text(value.as_bytes(), &shown, lines)
        }
    }
}

fn read(source: &mut impl Read, shown: &dyn fmt::Display) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    match read_at_most(source, MAX_BYTES) {
        Ok(Some(bytes)) => Ok(bytes),
        Ok(None) => Err(SecretError::too_long(shown, MAX_BYTES)),
        Err(error) => Err(SecretError::new(format!("cannot read {shown}: {error}"))),
    }
}

fn text(bytes: &[u8], shown: &dyn fmt::Display, lines: Lines) -> Result<SecretString, SecretError> {
    let line = without_byte_order_mark(without_final_newline(bytes));
    match std::str::from_utf8(line) {
        Ok("") => Err(SecretError::new(format!("{shown} gives an empty secret"))),
        Ok(secret) if lines == Lines::One && secret.bytes().any(|byte| byte == b'\n') => {
            Err(SecretError::new(format!(
                "{shown} gives more than one line; leave only the secret in it, in one line"
            )))
        }
        // The server would refuse it, and may count that as an attempt to guess it.
        Ok(secret) if lines == Lines::One && secret.contains(char::is_control) => {
            let before = secret
                .chars()
                .take_while(|character| !character.is_control())
                .count();
            Err(SecretError::new(format!(
                "{shown} gives a secret with a control character after {before} characters; leave only the secret in it"
            )))
        }
        Ok(secret) => Ok(secret.into()),
        Err(_) => Err(SecretError::new(format!(
            "{shown} gives something that is not valid UTF-8"
        ))),
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test compares made-up secrets")]
    fn resolved(reference: &SecretRef) -> String {
        reference.fetch().unwrap().expose_secret().to_owned()
    }

    fn refusal(reference: &SecretRef) -> String {
        reference.fetch().unwrap_err().to_string()
    }

    fn command(argv: &[&str]) -> SecretRef {
        SecretRef::Command(argv.iter().map(|&word| word.to_owned()).collect())
    }

    #[cfg(unix)]
    fn file(directory: &tempfile::TempDir, content: &[u8], mode: u32) -> SecretRef {
        use std::os::unix::fs::PermissionsExt as _;

        let path = directory.path().join("secret");
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        SecretRef::File(path)
    }

    #[test]
    fn a_variable_is_taken_as_it_is() {
        // Cargo sets it for every test.
        assert_eq!(resolved(&SecretRef::Env("CARGO_PKG_NAME".into())), "repass");
        assert!(refusal(&SecretRef::Env("REPASS_TEST_UNSET".into())).ends_with("is not set"));
        assert!(refusal(&SecretRef::Env("A=B".into())).ends_with("is not a name"));
    }

    #[test]
    fn a_secret_ends_with_its_line_and_has_no_control_characters() {
        let read = |bytes: &[u8]| text(bytes, &"it", Lines::One).map_err(|error| error.to_string());
        #[expect(clippy::disallowed_methods, reason = "the test compares made-up secrets")]
        let read = |bytes: &[u8]| read(bytes).map(|secret| secret.expose_secret().to_owned());
        for bytes in [&b"s3cret"[..], b"s3cret\n", b"s3cret\r\n"] {
            assert_eq!(read(bytes).as_deref(), Ok("s3cret"));
        }
        for bytes in [&b"s3cret\r"[..], b"s3cret\0", b"s3cret\tx"] {
            let refused = read(bytes).unwrap_err();
            assert!(
                refused.contains("a control character after 6 characters"),
                "{refused}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_holds_one_line_and_must_be_private() {
        let directory = tempfile::tempdir().unwrap();
        for content in [&b"canary\n"[..], b"canary\r\n", b"\xef\xbb\xbfcanary\r\n"] {
            assert_eq!(resolved(&file(&directory, content, 0o600)), "canary");
        }
        for content in [&b"canary\n\n"[..], b"canary\r\nsecond", b"\ncanary"] {
            let text = refusal(&file(&directory, content, 0o600));
            assert!(
                text.contains("gives more than one line; leave only the secret in it")
                    && !text.contains("canary"),
                "{text}"
            );
        }
        assert_eq!(resolved(&file(&directory, b"canary", 0o400)), "canary");
        for mode in [0o640, 0o604, 0o620, 0o602] {
            let text = refusal(&file(&directory, b"canary", mode));
            assert!(
                text.contains(&format!("(mode {mode:o})")) && !text.contains("canary"),
                "{text}"
            );
        }
        assert!(refusal(&file(&directory, b"\n", 0o600)).ends_with("an empty secret"));
        assert!(refusal(&file(&directory, b"\xff\xfe", 0o600)).ends_with("not valid UTF-8"));
        assert!(refusal(&file(&directory, &vec![b'x'; MAX_BYTES + 1], 0o600)).contains("more than"));
        assert!(refusal(&SecretRef::File(directory.path().into())).ends_with("is a directory, not a file"));
        assert!(refusal(&SecretRef::File(directory.path().join("none"))).contains("cannot open"));
    }

    #[cfg(unix)]
    #[test]
    fn a_command_gives_its_output_and_never_shows_it() {
        assert_eq!(resolved(&command(&["printf", "a b\\n"])), "a b");
        let failed = refusal(&command(&["sh", "-c", "echo canary; echo canary >&2; exit 3"]));
        assert!(
            failed.contains("exit status: 3") && !failed.contains("canary"),
            "{failed}"
        );
        assert!(refusal(&command(&["repass-no-such-program", "canary"])).contains("cannot be run"));
        assert!(refusal(&command(&["true"])).ends_with("an empty secret"));
        assert!(refusal(&command(&[])).contains("empty"));
        // Without a shell nothing is expanded.
        assert_eq!(resolved(&command(&["echo", "$HOME"])), "$HOME");
    }

    #[cfg(unix)]
    #[test]
    fn a_command_that_takes_too_long_is_ended_with_all_that_it_started() {
        let directory = tempfile::tempdir().unwrap();
        let pids = directory.path().join("pids");
        let note = format!("echo $$ >> {0}; sleep 600 & echo $! >> {0}; ", pids.display());
        for rest in [
            // It prints nothing, ignores what would end it, prints but does not end, or leaves its output to another.
            "wait",
            "trap '' TERM; wait; sleep 600",
            "echo canary; exec >&-; wait",
            "echo canary; exit 0",
        ] {
            let late =
                command(&["sh", "-c", &(note.clone() + rest)]).fetch_within(Duration::from_millis(300));
            let late = late.unwrap_err();
            assert_eq!(
                (late.is_timeout(), late.to_string().as_str()),
                (
                    true,
                    "the command `sh` gave no secret within 0.3 s, so nothing was sent"
                ),
                "{rest}"
            );
            // On a busy machine it may be ended before it has noted anything.
            let started = fs::read_to_string(&pids).unwrap_or_default();
            for pid in started.lines() {
                let pid = rustix::process::Pid::from_raw(pid.parse().unwrap()).unwrap();
                // What is not waited for by its parent is so by init, sooner or later.
                let is_gone = || {
                    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
                    stat.map_or(true, |stat| stat.contains(") Z "))
                };
                while !is_gone() {
                    std::thread::yield_now();
                }
            }
            let _ = fs::remove_file(&pids);
        }
        assert!(!command(&["false"]).fetch().unwrap_err().is_timeout());
    }

    #[test]
    fn the_arguments_of_a_program_are_never_shown() {
        for (argv, shown) in [
            (
                &["vault", "read", "--token", "s.canary"][..],
                r#"{"command":["vault","…"]}"#,
            ),
            (&["pass"], r#"{"command":["pass"]}"#),
            (&[], r#"{"command":[]}"#),
        ] {
            assert_eq!(serde_json::to_string(&command(argv)).unwrap(), shown);
        }
        assert!(!format!("{:?}", command(&["vault", "s.canary"])).contains("canary"));
    }

    #[test]
    fn a_value_is_never_shown() {
        let value = SecretRef::Value("canary".into());
        assert!(!format!("{value:?}").contains("canary"));
        assert_eq!(resolved(&value), "canary");
    }
}
