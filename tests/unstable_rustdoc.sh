#!/bin/sh
# Lets a stable rustdoc write JSON. Cargo runs this as $RUSTDOC, so compiled artifacts stay valid.
RUSTC_BOOTSTRAP=1 exec rustdoc "$@"
