//! Password changes at Zoom: its wire format and its error table.
