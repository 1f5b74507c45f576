//! What the reading of a response rests on.

use std::sync::Arc;

use crate::code::impl_code;

/// How surely a fact about a provider is known.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Seen in the responses of the real service.
    Observed,
    /// Read in the source of the service.
    Framework,
    /// Written in the provider's documentation.
    Documented,
    /// The operator's own word.
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

/// What a result rests on, at a provider that a table describes: the table by which the response was read, and how surely
/// the row is known that matched it. Audit records hold both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    table: Arc<str>,
    grade: Option<Grade>,
}

impl Evidence {
    /// A response that was read by the table with this hash, matched by a row of this grade, or by none.
    pub fn new(table: Arc<str>, grade: Option<Grade>) -> Self {
        Self { table, grade }
    }

    /// The table's hash: two tables that differ anywhere have different ones.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How surely the row is known that matched. `None` if no row did, so that HTTP alone decided.
    pub fn grade(&self) -> Option<Grade> {
        self.grade
    }
}
