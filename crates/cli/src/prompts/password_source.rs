//! Reads a password from a stream or a file through buffers that are wiped.

use std::fmt;
use std::fs::File;
use std::io::{self, IsTerminal as _};
use std::os::fd::AsFd as _;
use std::path::PathBuf;

use zeroize::Zeroizing;

use repass::secrets::{
    open_private, read_at_most, remove_paste_marks, without_byte_order_mark, without_final_newline,
};
use repass::{InvalidPassword, Password};

// Including what is not part of the password: a newline, a byte order mark, the marks around pasted text.
const LIMIT: usize = Password::MAX_BYTES + 2 + 3 + 2 * 6;

/// Where a password is read from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PasswordSource {
    Stdin,
    File(PathBuf),
    Descriptor(u32),
}

impl PasswordSource {
    pub(super) fn chosen(stdin: bool, file: Option<&PathBuf>, descriptor: Option<u32>) -> Option<Self> {
        let stdin = stdin.then_some(Self::Stdin);
        stdin
            .or(file.cloned().map(Self::File))
            .or(descriptor.map(Self::Descriptor))
    }

    /// Whether reading consumes it.
    pub(super) fn is_stream(&self) -> bool {
        !matches!(self, Self::File(_))
    }

    /// The whole content as an existing password, which may contain anything.
    pub(super) fn read(&self) -> Result<Password, String> {
        password(without_final_newline(&self.bytes(LIMIT)?))
    }

    /// The only line as a new password.
    pub(super) fn read_new(&self) -> Result<Password, String> {
        self.one_line(&self.bytes(LIMIT)?)
    }

    /// The two lines as the current and the new password.
    pub(super) fn read_two(&self) -> (Result<Password, String>, Result<Password, String>) {
        let bytes = match self.bytes(2 * LIMIT) {
            Ok(bytes) => bytes,
            Err(why) => return (Err(why.clone()), Err(why)),
        };
        let Some(end) = bytes.iter().position(|byte| *byte == b'\n') else {
            let why = "is missing: the first line is the current password, the second the new one";
            return (password(&bytes), Err(why.to_owned()));
        };
        let (line, rest) = bytes.split_at(end + 1);
        (password(without_final_newline(line)), self.one_line(rest))
    }

    fn one_line(&self, bytes: &[u8]) -> Result<Password, String> {
        let line = without_final_newline(bytes);
        // Not by `contains`, which leaves eight bytes at once in registers, and so on the stack.
        if line.iter().all(|byte| *byte != b'\n') {
            return password(line);
        }
        let cure = if self.is_stream() {
            "to give the current one first, use `repass change` with --current-password-stdin and \
             --new-password-stdin"
        } else {
            "leave only the password in the file"
        };
        Err(format!(
            "holds more than one line, but a new password is one line; {cure}"
        ))
    }

    fn bytes(&self, limit: usize) -> Result<Zeroizing<Vec<u8>>, String> {
        let bytes = read_at_most(&mut self.open()?, limit).map_err(|error| unreadable(&error))?;
        let mut bytes = bytes.ok_or_else(too_long)?;
        remove_paste_marks(&mut bytes);
        Ok(bytes)
    }

    // A separate file handle keeps the password out of the standard library's buffer of standard input.
    fn open(&self) -> Result<File, String> {
        match self {
            Self::Stdin if io::stdin().is_terminal() => Err(
                "cannot be read: it is a terminal, which would echo the password; omit the option to be prompted \
                 without echo"
                    .to_owned(),
            ),
            Self::Stdin => stdin_unbuffered(),
            Self::File(path) => open_private(path).map_err(|why| format!("cannot be used: {why}")),
            Self::Descriptor(number) => File::open(format!("/dev/fd/{number}")).map_err(|error| {
                if error.kind() == io::ErrorKind::NotFound {
                    "cannot be read: no such descriptor is open".to_owned()
                } else {
                    unreadable(&error)
                }
            }),
        }
    }
}

impl fmt::Display for PasswordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Stdin => f.write_str("standard input"),
            Self::File(path) => write!(f, "{}", path.display()),
            Self::Descriptor(number) => write!(f, "descriptor {number}"),
        }
    }
}

/// Standard input without the standard library's buffer, which is not wiped.
pub(crate) fn stdin_unbuffered() -> Result<File, String> {
    let descriptor = io::stdin().as_fd().try_clone_to_owned();
    descriptor.map(File::from).map_err(|error| unreadable(&error))
}

fn password(bytes: &[u8]) -> Result<Password, String> {
    Password::from_utf8(without_byte_order_mark(bytes)).map_err(|invalid| invalid.reason())
}

fn unreadable(error: &io::Error) -> String {
    format!("cannot be read: {error}")
}

fn too_long() -> String {
    InvalidPassword::TooLong { bytes: LIMIT }.reason()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::PermissionsExt as _;

    use secrecy::ExposeSecret as _;

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "the test compares made-up passwords")]
    fn text(read: Result<Password, String>) -> Result<String, String> {
        read.map(|password| password.expose_secret().to_owned())
    }

    // A descriptor that is really open, as the shell's `3<file` makes it.
    fn descriptor(content: &[u8]) -> (File, PasswordSource) {
        use std::os::fd::AsRawFd as _;

        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        fs::write(&path, content).unwrap();
        let file = File::open(&path).unwrap();
        let number = u32::try_from(file.as_raw_fd()).unwrap();
        (file, PasswordSource::Descriptor(number))
    }

    fn one(content: &[u8]) -> Result<String, String> {
        let (_open, source) = descriptor(content);
        text(source.read())
    }

    fn one_new(content: &[u8]) -> Result<String, String> {
        let (_open, source) = descriptor(content);
        text(source.read_new())
    }

    fn two(content: &[u8]) -> (Result<String, String>, Result<String, String>) {
        let (_open, source) = descriptor(content);
        let (first, rest) = source.read_two();
        (text(first), text(rest))
    }

    #[test]
    fn new_password_with_several_lines_is_rejected() {
        for content in [
            "Passw0rd",
            "Passw0rd\n",
            "\u{feff}Passw0rd\r\n",
            "\u{1b}[200~Passw0rd\u{1b}[201~\n",
            "\u{feff}Pass\u{1b}[200~w0rd\u{1b}[201~",
        ] {
            assert_eq!(one_new(content.as_bytes()).unwrap(), "Passw0rd", "{content:?}");
        }
        for content in [
            "old\nnew\n",
            "old\r\nnew",
            "Passw0rd\n\n",
            "\nPassw0rd",
            "Passw0rd\r\n\r\n",
        ] {
            let why = one_new(content.as_bytes()).unwrap_err();
            assert!(
                why.starts_with("holds more than one line") && why.contains("`repass change`"),
                "{content:?}: {why}"
            );
        }
        assert_eq!(one_new(b"\n").unwrap_err(), "is empty");
        assert_eq!(one_new("\u{feff}\n".as_bytes()).unwrap_err(), "is empty");
    }

    #[test]
    fn current_password_keeps_every_byte_except_one_newline() {
        for (content, password) in [
            ("Passw0rd\n", "Passw0rd"),
            ("Passw0rd\r\n", "Passw0rd"),
            ("Passw0rd", "Passw0rd"),
            ("a\r\nb\n\n", "a\r\nb\n"),
            (" @x;type=\"y\\ \n", " @x;type=\"y\\ "),
            ("пароль\n", "пароль"),
            ("\u{feff}Passw0rd\r\n", "Passw0rd"),
            ("\u{1b}[200~Passw0rd\u{1b}[201~\n", "Passw0rd"),
        ] {
            assert_eq!(one(content.as_bytes()).unwrap(), password, "{content:?}");
        }
        assert_eq!(
            one(&[b'x'; Password::MAX_BYTES]).unwrap().len(),
            Password::MAX_BYTES
        );
    }

    #[test]
    fn invalid_password_is_rejected_with_the_reason() {
        for (content, why) in [
            (&b""[..], "is empty"),
            (b"\n", "is empty"),
            (b"a\0b", "contains a NUL character"),
            (b"\xff\xfe", "is not valid UTF-8"),
            (&[b'x'; 1025], "is too long"),
            (&[b'x'; 5000], "is too long"),
        ] {
            assert!(one(content).unwrap_err().starts_with(why), "{why}");
        }
    }

    #[test]
    fn two_passwords_are_read_current_first() {
        let ok = |(current, new): (Result<String, String>, Result<String, String>)| {
            (current.unwrap(), new.unwrap())
        };
        assert_eq!(ok(two(b"old\nnew\n")), ("old".into(), "new".into()));
        assert_eq!(ok(two(b"old\r\nnew")), ("old".into(), "new".into()));
        assert_eq!(
            ok(two("\u{feff}old\r\nnew\r\n".as_bytes())),
            ("old".into(), "new".into())
        );
        let (current, new) = two(b"old\nnew\nnewer\n");
        assert!(current.is_ok() && new.unwrap_err().starts_with("holds more than one line"));
        let (current, new) = two(b"old");
        assert!(current.is_ok() && new.unwrap_err().starts_with("is missing"));
        let (current, new) = two(b"\nnew");
        assert_eq!(
            (current.unwrap_err(), new.unwrap()),
            ("is empty".into(), "new".into())
        );
        let (current, new) = two(b"old\n");
        assert_eq!(
            (current.unwrap(), new.unwrap_err()),
            ("old".into(), "is empty".into())
        );
    }

    #[test]
    fn password_file_must_exist_and_be_private() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("password");
        let read = |path: &std::path::Path| text(PasswordSource::File(path.to_owned()).read());
        assert!(
            read(&path)
                .unwrap_err()
                .starts_with("cannot be used: cannot open")
        );
        assert!(
            read(directory.path())
                .unwrap_err()
                .ends_with("is a directory, not a file")
        );
        fs::write(&path, "Passw0rd\n").unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        assert!(read(&path).unwrap_err().contains("open to others"));
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        assert_eq!(read(&path).unwrap(), "Passw0rd");
    }

    #[test]
    fn closed_descriptor_is_reported() {
        assert_eq!(
            PasswordSource::Descriptor(987_654).read().unwrap_err(),
            "cannot be read: no such descriptor is open"
        );
    }
}
