//! What the reading of a response rests on.

use std::sync::Arc;

/// What a result rests on, at a provider that a table describes: the table by which the response was read, and how surely
/// the row is known that matched it. Audit records hold both.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Evidence {
    table: Arc<str>,
    grade: Option<&'static str>,
}

impl Evidence {
    /// A response that was read by this table, named by its hash, and that no row of it matched.
    pub fn new(table: Arc<str>) -> Self {
        Self { table, grade: None }
    }

    /// The same, matched by a row of this grade.
    pub fn with_grade(mut self, grade: &'static str) -> Self {
        self.grade = Some(grade);
        self
    }

    /// The table's hash: two tables that differ anywhere have different ones.
    pub fn table(&self) -> &str {
        &self.table
    }

    /// How surely the row is known that matched: `documented`, `observed`, `framework` or `vouched`. `None` if no row
    /// matched, so that HTTP alone decided.
    pub fn grade(&self) -> Option<&'static str> {
        self.grade
    }
}
