//! A provider's words, made fit to be shown.

use repass::{CallRedactor, Password, PasswordChange, ProfileUpdate};

use super::forms::forms;
use super::shown;

/// Fuzzes redaction. The first three lines are the user, the new and the current password, in which `␤` stands for a
/// line's end. The rest is what the provider says: in it `{u0}`, `{n0}` and `{o0}` stand for
/// the three as they are, and other digits for their other forms.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.splitn(4, '\n').map(|line| line.replace('␤', "\n"));
    let [user, new, old, said] = [(); 4].map(|()| lines.next().unwrap_or_default());
    let Ok(name) = user.parse() else { return };
    let (Ok(password), Ok(current)) = (Password::new(&*new), Password::new(&*old)) else {
        return;
    };
    let change = PasswordChange::change(name, current, password);
    let update = ProfileUpdate::new(change.user().clone())
        .set("first_name", &*new)
        .set("custom_attributes", [&*old]);
    let of_change = [&user, &new, &old].map(|secret| forms(secret));
    let said = expanded(&said, &of_change);

    check(&CallRedactor::for_change(&change), &said, &of_change);
    let long_enough =
        |secret: &str| secret == user || secret.chars().count() >= CallRedactor::MIN_VALUE_CHARS;
    let of_update = of_change.map(|forms| if long_enough(&forms[0]) { forms } else { vec![] });
    check(&CallRedactor::for_profile(&update), &said, &of_update);
    check(&CallRedactor::for_nothing(), &said, &[]);
}

// What a provider that echoes would say.
fn expanded(text: &str, secrets: &[Vec<String>; 3]) -> String {
    let mut text = text.to_owned();
    for (letter, forms) in ["u", "n", "o"].into_iter().zip(secrets) {
        for (digit, form) in forms.iter().enumerate() {
            // One that is longer than any answer tells nothing more.
            if text.len() < 100_000 {
                text = text.replace(&format!("{{{letter}{digit}}}"), form);
            }
        }
    }
    text
}

fn check(redactor: &CallRedactor<'_>, said: &str, secrets: &[Vec<String>]) {
    let shown = redactor.redact(said);
    shown::plain(&shown);
    assert!(shown.chars().count() <= CallRedactor::MAX_CHARS + 1);
    for form in secrets.iter().flatten() {
        assert!(
            is_of_the_marks(form) || !shown.contains(form),
            "{form:?} in {shown:?} of {said:?}"
        );
    }
    let harmless = said.chars().all(|c| c.is_ascii_graphic() || c == ' ');
    if secrets.is_empty() && harmless && said.len() <= CallRedactor::MAX_CHARS {
        assert_eq!(shown, said.trim());
    }
}

// What is put in a secret's place can itself hold a short one.
fn is_of_the_marks(form: &str) -> bool {
    let marks = ["[redacted]", "[user]", "[value]"];
    form.contains(['[', ']', '…']) || marks.iter().any(|mark| mark.contains(form))
}
