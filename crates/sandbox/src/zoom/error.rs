//! Zoom's refusals: HTTP status, code and text, word for word where they are known.

use http::StatusCode;
use serde::Serialize;

use crate::message::reply::{self, Reply};

/// A refusal of a request, in the words of the API.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Refusal {
    InvalidToken,
    UnknownRoute,
    UnsupportedContentType,
    NotJson,
    /// A field that is missing or out of its range, by its name.
    InvalidField(&'static str),
    NoSuchUser(String),
    AdminUser,
    NoWorkEmailLogin,
    TooShort(usize),
    NoLetter,
    NoDigit,
    NoSpecialCharacter,
    OneCase,
    OneCharacter,
    Sequence,
    EasyToGuess,
    SameAsOld,
}

/// In the order of the keys on the wire.
#[derive(Serialize)]
struct Body<'a> {
    code: u32,
    message: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError<'a>>,
}

#[derive(Serialize)]
struct FieldError<'a> {
    field: &'a str,
    message: &'static str,
}

impl Refusal {
    pub(crate) fn reply(&self) -> Reply {
        let (status, code, message) = self.parts();
        let errors = match self {
            Self::InvalidField(field) => vec![FieldError {
                field,
                message: "Invalid field.",
            }],
            _ => Vec::new(),
        };
        reply::json(
            status,
            &Body {
                code,
                message,
                errors,
            },
        )
    }

    fn parts(&self) -> (StatusCode, u32, String) {
        let bad_request = |code, message: &str| (StatusCode::BAD_REQUEST, code, message.to_owned());
        match self {
            Self::InvalidToken => (StatusCode::UNAUTHORIZED, 124, "Invalid access token.".to_owned()),
            Self::UnknownRoute => (
                StatusCode::NOT_FOUND,
                2300,
                "This API endpoint is not recognized.".to_owned(),
            ),
            Self::UnsupportedContentType => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                300,
                "Unsupported Content Type".to_owned(),
            ),
            Self::NotJson => bad_request(300, "Request Body should be a valid JSON object."),
            Self::InvalidField(_) => bad_request(300, "Validation Failed."),
            Self::NoSuchUser(id) => (StatusCode::NOT_FOUND, 1001, format!("User does not exist: {id}.")),
            Self::AdminUser => bad_request(1117, "Can not update Admin's password"),
            Self::NoWorkEmailLogin => {
                bad_request(1123, "Can only update password of Zoom work email account")
            }
            Self::TooShort(least) => bad_request(1124, &format!("Have at least {least} characters")),
            Self::NoLetter => bad_request(1125, "Have at least 1 letter (a, b, c…)"),
            Self::NoDigit => bad_request(1126, "Have at least 1 number (1, 2, 3…)"),
            Self::NoSpecialCharacter => bad_request(1127, "Have at least 1 special character (!, @, #…)"),
            Self::OneCase => bad_request(1128, "Include both Upper case and Lower case characters"),
            Self::OneCharacter => bad_request(1130, "Password can't use the same character."),
            Self::Sequence => bad_request(
                1131,
                "Password can't use continuation character.Such as 'abcdef','123456'.",
            ),
            Self::EasyToGuess => bad_request(1136, "Your password is too easy to guess. Try another one."),
            Self::SameAsOld => bad_request(300, "Your new password can not match the old password."),
        }
    }
}
