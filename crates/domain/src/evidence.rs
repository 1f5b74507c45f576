//! What the reading of a response rests on.

use std::sync::Arc;

use crate::code::impl_code;

/// How well a fact about a provider is supported, ordered from the best evidence to the weakest.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// The fact was seen in the responses of the real service.
    Observed,
    /// The fact was read in the source of the service.
    Framework,
    /// The fact is written in the provider's documentation.
    Documented,
    /// The fact is known from the operator's own word only.
    #[default]
    Vouched,
}

impl Grade {
    const ALL: [Self; 4] = [Self::Observed, Self::Framework, Self::Documented, Self::Vouched];

    /// The stable code: `observed`, `framework`, `documented` or `vouched`.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Observed => "observed",
            Self::Framework => "framework",
            Self::Documented => "documented",
            Self::Vouched => "vouched",
        }
    }
}

impl_code!(Grade, "grade");

/// The table by which a response was read, and how surely its matching row is known. Audit records hold both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    table: Arc<str>,
    grade: Option<Grade>,
}

impl Evidence {
    /// Creates evidence from the hash of the table by which a response was read, and the grade of the row that
    /// matched, if one did.
    pub fn new(table: Arc<str>, grade: Option<Grade>) -> Self {
        Self { table, grade }
    }

    /// The hash of the table by which the response was read: two tables that differ anywhere have different ones.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How surely the table row that matched the response is known. `None` if no row did, so that HTTP alone decided.
    pub fn grade(&self) -> Option<Grade> {
        self.grade
    }
}
