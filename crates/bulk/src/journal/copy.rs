//! Moving a run from one journal to another, part by part.

use std::fmt::Debug;
use std::ops::RangeInclusive;

use crate::BulkError;

/// The name of the fact where the run has moved. A journal that has it begins no session.
pub const MOVED_TO: &str = "moved_to";

/// A part of a journal. Its rows are a JSON array of objects, with the same keys in every journal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The providers, with their limits and identities.
    Providers,
    /// The sessions, all of which have ended.
    Sessions,
    /// The rows and the outcomes of their last attempts.
    Rows,
    /// Attempts before the last ones.
    Earlier,
    /// Until when requests for a row may have been in flight, in milliseconds since 1970.
    InFlight,
    /// Which accounts were changed, where users may have several names.
    Accounts,
    /// What the provider had recorded before unknown attempts.
    PriorStates,
}

impl Part {
    /// All parts, in the order in which they are copied.
    pub const ALL: [Self; 7] = [
        Self::Providers,
        Self::Sessions,
        Self::Rows,
        Self::Earlier,
        Self::InFlight,
        Self::Accounts,
        Self::PriorStates,
    ];

    /// Whether each row of the part belongs to a line.
    pub fn is_of_lines(self) -> bool {
        !matches!(self, Self::Providers | Self::Sessions)
    }
}

/// The journal of a run that moves. No session begins until this is dropped.
pub trait MovingJournal: Debug + Send {
    /// The rows of a part that belong to these lines, or all of a part without lines.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn part(&mut self, part: Part, lines: RangeInclusive<u64>) -> Result<String, BulkError>;

    /// The last line of the input; 0 if it has no rows.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn last_line(&mut self) -> Result<u64, BulkError>;

    /// The highest number of a batch of passwords that the journal keeps itself.
    ///
    /// # Errors
    /// The journal cannot be read.
    fn last_batch(&mut self) -> Result<u64, BulkError>;

    /// Records [where the run has moved](MOVED_TO), so that no session begins here any more.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn set_moved(&mut self, to: &str) -> Result<(), BulkError>;
}

/// Which copy of a run to write to, by the mark that it keeps: the one of its move, a period, and one of its own. So of two copies
/// that one move has made, only the one that was meant becomes the run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CopyMark<'a> {
    /// A new copy, in place of one of the same move that was stopped.
    New(&'a str),
    /// The copy with this mark, which has the whole run.
    Whole(&'a str),
}

impl CopyMark<'_> {
    /// Whether the copy with this mark is to be written to, or replaced.
    pub fn is_of(self, known: &str) -> bool {
        let move_of = |mark: &str| mark.split('.').next().map(str::to_owned);
        match self {
            Self::New(mark) => move_of(mark) == move_of(known),
            Self::Whole(mark) => mark == known,
        }
    }
}

/// The journal that a run moves to. The run cannot be opened there until it is [complete](Self::complete).
pub trait CopiedJournal: Debug + Send {
    /// Adds rows of a part, as [`MovingJournal::part`] returns them.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn add(&mut self, part: Part, rows: &str) -> Result<(), BulkError>;

    /// Stores a fact of the run.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn set_fact(&mut self, name: &str, value: &str) -> Result<(), BulkError>;

    /// Adds the next piece of the encrypted passwords.
    ///
    /// # Errors
    /// They cannot be written.
    fn add_sealed(&mut self, piece: &[u8]) -> Result<(), BulkError>;

    /// Makes sure that later batches of passwords have higher numbers than this one, and records that the copy has the
    /// whole run. Durable when it returns.
    ///
    /// # Errors
    /// The journal cannot be written, or another move has taken the place of this one.
    fn end(&mut self, last_batch: u64) -> Result<(), BulkError>;

    /// Makes the run one that can be opened.
    ///
    /// # Errors
    /// The journal cannot be written.
    fn complete(&mut self) -> Result<(), BulkError>;
}
