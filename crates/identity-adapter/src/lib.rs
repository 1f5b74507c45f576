//! Password changes at the UiPath identity portal: its wire format and its error table.
