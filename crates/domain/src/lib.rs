//! What a password change is: the provider-neutral trait, its values and its outcomes.
