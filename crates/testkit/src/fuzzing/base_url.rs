//! Where a provider lives: whatever is taken is safe to send passwords to.

use http::Uri;
use repass_transport::BaseUrl;
use url::Url;

/// Fuzzes base URLs. The bytes are a URL.
///
/// # Panics
/// If a law is broken.
pub fn target(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let Ok(base) = text.parse::<BaseUrl>() else {
        return;
    };
    assert!(base.is_https() || base.is_loopback(), "{base}");
    let again: BaseUrl = base.as_str().parse().unwrap();
    assert_eq!(
        (again.as_str(), again.host(), again.is_loopback()),
        (base.as_str(), base.host(), base.is_loopback())
    );
    // The client that sends to it reads it with another parser, which must come to the same host.
    let (read, sent): (Url, Uri) = (base.as_str().parse().unwrap(), base.as_str().parse().unwrap());
    assert_eq!(read.host_str(), sent.host(), "{base}");
    assert_eq!(read.port(), sent.port_u16(), "{base}");
    assert!(read.username().is_empty() && read.password().is_none(), "{base}");
    assert!(read.query().is_none() && read.fragment().is_none(), "{base}");
}
