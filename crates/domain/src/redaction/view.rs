//! A text as characters, each with the place where it stands in the text that will be shown.

use std::ops::Range;

use zeroize::{Zeroize as _, Zeroizing};

/// Between two stretches that did not stand together. No text holds it.
pub(super) const GAP: u32 = u32::MAX;

/// From which byte to which.
pub(super) type Span = (u32, u32);

/// What a text says once some encodings are undone. Wiped when dropped, and when it outgrows its
/// room: it may hold a secret.
#[derive(Default)]
pub(super) struct View {
    units: Zeroizing<Vec<u32>>,
    spans: Vec<Span>,
}

impl View {
    pub(super) fn with_room(room: usize) -> Self {
        Self {
            units: Zeroizing::new(Vec::with_capacity(room)),
            spans: Vec::with_capacity(room),
        }
    }

    /// The text as it is.
    pub(super) fn of(text: &str) -> Self {
        let mut view = Self::with_room(text.len());
        let mut from = 0;
        for character in text.chars() {
            // A text is cut long before four gigabytes.
            let to = from + u32::try_from(character.len_utf8()).unwrap_or_default();
            view.push(u32::from(character), (from, to));
            from = to;
        }
        view
    }

    pub(super) fn units(&self) -> &[u32] {
        &self.units
    }

    pub(super) fn len(&self) -> usize {
        self.units.len()
    }

    /// Where these units stand; the range must not be empty.
    pub(super) fn span(&self, range: Range<usize>) -> Span {
        (self.spans[range.start].0, self.spans[range.end - 1].1)
    }

    pub(super) fn push(&mut self, unit: u32, span: Span) {
        if self.units.len() == self.units.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity((2 * self.units.len()).max(16)));
            larger.extend_from_slice(&self.units);
            self.units = larger;
        }
        self.units.push(unit);
        self.spans.push(span);
    }

    /// The same, but the second half of a surrogate pair completes the first.
    pub(super) fn push_code(&mut self, unit: u32, span: Span) {
        if let (0xdc00..=0xdfff, Some(high @ 0xd800..=0xdbff)) = (unit, self.units.last_mut()) {
            *high = 0x1_0000 + ((*high - 0xd800) << 10) + (unit - 0xdc00);
            self.extend_to(span.1);
        } else {
            self.push(unit, span);
        }
    }

    /// What ends here and means nothing by itself belongs to the unit before it.
    pub(super) fn extend_to(&mut self, end: u32) {
        if let Some(last) = self.spans.last_mut() {
            last.1 = last.1.max(end);
        }
    }

    pub(super) fn clear(&mut self) {
        self.units.zeroize();
        self.spans.clear();
    }

    /// What it holds, which it then holds no more.
    pub(super) fn take(&mut self) -> Self {
        std::mem::take(self)
    }

    /// The same as `clear`, with room for a number of.
    pub(super) fn clear_for(&mut self, room: usize) {
        self.clear();
        self.units.reserve(room);
        self.spans.reserve(room);
    }
}
