//! HTTP done once for every adapter: delivery, budgets, tokens, TLS and secret bodies.
