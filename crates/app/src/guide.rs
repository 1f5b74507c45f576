//! The Rust of the guide and the README, compiled and run with the documentation's tests.

macro_rules! pages {
    ($($name:ident: $path:literal,)*) => {
        $(
            #[doc = include_str!(concat!("../../../", $path))]
            struct $name;
        )*
    };
}

pages! {
    Readme: "README.md",
    Index: "docs/guide/index.md",
    Start: "docs/guide/start.md",
    CommandLine: "docs/guide/command-line.md",
    Configure: "docs/guide/configure.md",
    Providers: "docs/guide/providers.md",
    DescribeAProvider: "docs/guide/describe-a-provider.md",
    Errors: "docs/guide/errors.md",
    Unknown: "docs/guide/unknown.md",
    Bulk: "docs/guide/bulk.md",
    Testing: "docs/guide/testing.md",
    Operating: "docs/guide/operating.md",
    AddingAProvider: "docs/guide/adding-a-provider.md",
    Security: "docs/guide/security.md",
    Evidence: "docs/guide/evidence.md",
}
