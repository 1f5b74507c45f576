//! Rows to add to a run.

use repass_bulk::journal::NewRow;
use repass_bulk::{RowStatus, Tally};
use repass_domain::UserId;
use tokio_postgres::types::ToSql;

use super::link::Connection;
use super::{signed, unsigned};

/// Rows to add, as the columns of a statement.
pub(super) struct NewRows {
    lines: Vec<i64>,
    users: Vec<Option<String>>,
    providers: Vec<Option<i64>>,
    kinds: Vec<Option<String>>,
    messages: Vec<Option<String>>,
    // Their passwords, encrypted.
    sealed: Option<Vec<u8>>,
}

impl NewRows {
    pub(super) fn of(rows: &[NewRow<'_>], sealed: Option<&[u8]>) -> Self {
        let invalid = |text: fn(&repass_bulk::journal::InvalidReason<'_>) -> String| {
            rows.iter().map(|row| row.invalid.as_ref().map(text)).collect()
        };
        Self {
            lines: rows.iter().map(|row| signed(row.line)).collect(),
            users: rows
                .iter()
                .map(|row| row.user.map(UserId::expose).map(str::to_owned))
                .collect(),
            providers: rows.iter().map(|row| row.provider.map(signed)).collect(),
            kinds: invalid(|reason| reason.kind.to_owned()),
            messages: invalid(|reason| reason.message.to_owned()),
            sealed: sealed.map(<[u8]>::to_vec),
        }
    }

    /// Adds those that are not there already, if the database still has this history. Returns the tally of these, or the
    /// first line that is there and differs.
    pub(super) async fn add(
        &self,
        connection: &mut Connection,
        run: i32,
        at: i64,
        timeline: &str,
    ) -> Result<Result<Tally, u64>, tokio_postgres::Error> {
        let add = "SELECT added, invalid, different FROM add_bulk_rows($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let values: [&(dyn ToSql + Sync); 9] = [
            &run,
            &self.lines,
            &self.users,
            &self.providers,
            &self.kinds,
            &self.messages,
            &at,
            &self.sealed,
            &timeline,
        ];
        let rows = connection.query(add, &values).await?;
        let Some(row) = rows.first() else {
            return Ok(Ok(Tally::default()));
        };
        if let Some(different) = row.get::<_, Option<i64>>(2) {
            return Ok(Err(unsigned(different)));
        }
        let count = |at: usize| usize::try_from(row.get::<_, i64>(at)).unwrap_or_default();
        let mut tally = Tally::default();
        tally.add(RowStatus::Pending, count(0) - count(1));
        tally.add(RowStatus::NotApplied, count(1));
        Ok(Ok(tally))
    }
}
