//! Signed assertions (RFC 7515, RFC 7519, RFC 7523), and the keys that sign them.

use std::time::{SystemTime, UNIX_EPOCH};

use base64ct::{Base64, Base64UrlUnpadded, Encoding as _};
use ring::digest;
use ring::error::KeyRejected;
use ring::rand::{SecureRandom as _, SystemRandom};
use ring::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Map, Value, json};
use zeroize::Zeroizing;

/// How long an assertion is valid, in seconds. It is used at once.
const LIFETIME: u64 = 300;
/// How far a provider's clock may be behind, in seconds: an assertion of the future is refused.
const SKEW: u64 = 30;

/// A private key that signs assertions: RSA with 2048 to 4096 bits (RS256), or the curve P-256 (ES256).
///
/// The text that it is read from and its decoded form are wiped. What the cryptography library derives of it stays in
/// memory as long as the key is used; then only an allocator that wipes what is freed, such as the command's, wipes it.
#[derive(Debug)]
pub struct SigningKey {
    pair: Pair,
    id: Option<String>,
    // Of the certificate beside the key.
    thumbprint: Option<String>,
}

#[derive(Debug)]
enum Pair {
    Rsa(Box<RsaKeyPair>),
    Ecdsa(Box<EcdsaKeyPair>),
}

/// Why a text cannot be used as a private key: the end of a sentence about it, with what to do. Holds nothing of the
/// key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InvalidKey(String);

impl std::fmt::Display for InvalidKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for InvalidKey {}

fn invalid<T>(why: impl Into<String>) -> Result<T, InvalidKey> {
    Err(InvalidKey(why.into()))
}

impl SigningKey {
    /// Reads a private key in PEM: the first block `PRIVATE KEY` (PKCS#8). A block `CERTIFICATE` beside it is named
    /// by its SHA-256 in each assertion, as Microsoft Entra ID asks for; it must belong to the key.
    ///
    /// # Errors
    /// What is wrong with the text, in which line, and how to convert the key.
    #[expect(
        clippy::disallowed_methods,
        reason = "decoded here, into buffers that are wiped"
    )]
    pub fn from_pem(pem: &SecretString) -> Result<Self, InvalidKey> {
        let text = pem.expose_secret();
        let der = block(text, "PRIVATE KEY")?;
        let Some(der) = der else {
            return invalid(not_a_key(text));
        };
        let pair = Pair::read(&der)?;
        let thumbprint = match block(text, "CERTIFICATE")? {
            None => None,
            Some(certificate) if !holds(&certificate, pair.public_key()) => {
                return invalid(
                    "holds a certificate of another key; put the certificate that was made with this key beside it",
                );
            }
            Some(certificate) => {
                let digest = digest::digest(&digest::SHA256, &certificate);
                Some(Base64UrlUnpadded::encode_string(digest.as_ref()))
            }
        };
        Ok(Self {
            pair,
            id: None,
            thumbprint,
        })
    }

    /// Sets the key id (`kid`), the name that the provider gave to the key.
    pub fn named(self, id: Option<&str>) -> Self {
        Self {
            id: id.map(str::to_owned),
            ..self
        }
    }

    /// An assertion of these claims, valid from now on for minutes. `None` where the system gives no randomness.
    pub(crate) fn assertion(&self, claims: Map<String, Value>) -> Option<Zeroizing<String>> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
        let mut serial = [0; 16];
        SystemRandom::new().fill(&mut serial).ok()?;
        let mut claims = claims;
        claims.insert("iat".to_owned(), (now - SKEW).into());
        claims.insert("exp".to_owned(), (now + LIFETIME).into());
        claims.insert("jti".to_owned(), Base64UrlUnpadded::encode_string(&serial).into());
        let mut header = json!({ "alg": self.pair.algorithm(), "typ": "JWT" });
        for (name, value) in [("kid", &self.id), ("x5t#S256", &self.thumbprint)] {
            if let Some(value) = value {
                header[name] = value.as_str().into();
            }
        }
        let part = |part: &Value| Base64UrlUnpadded::encode_string(part.to_string().as_bytes());
        let message = format!("{}.{}", part(&header), part(&Value::Object(claims)));
        let signature = self.pair.sign(message.as_bytes())?;
        Some(Zeroizing::new(format!(
            "{message}.{}",
            Base64UrlUnpadded::encode_string(&signature)
        )))
    }
}

impl Pair {
    fn read(der: &[u8]) -> Result<Self, InvalidKey> {
        // Object identifiers of the algorithm and the curve, which stand in the first bytes (RFC 5208, RFC 5480, RFC 8410).
        const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01];
        const EC: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01];
        const P256: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03, 0x01, 0x07];
        let head = &der[..der.len().min(40)];
        if holds(head, RSA) {
            let pair = RsaKeyPair::from_pkcs8(der).map_err(rejected)?;
            return Ok(Self::Rsa(Box::new(pair)));
        }
        if holds(head, EC) && holds(head, P256) {
            let pair = EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, der, &SystemRandom::new());
            return Ok(Self::Ecdsa(Box::new(pair.map_err(rejected)?)));
        }
        invalid(if holds(head, EC) {
            "is a key of another curve than P-256; use P-256 (ES256) or RSA (RS256)"
        } else {
            "is a key of another type than RSA and P-256; use RSA (RS256) or P-256 (ES256)"
        })
    }

    fn algorithm(&self) -> &'static str {
        match self {
            Self::Rsa(_) => "RS256",
            Self::Ecdsa(_) => "ES256",
        }
    }

    fn public_key(&self) -> &[u8] {
        match self {
            Self::Rsa(pair) => pair.public_key().as_ref(),
            Self::Ecdsa(pair) => pair.public_key().as_ref(),
        }
    }

    fn sign(&self, message: &[u8]) -> Option<Vec<u8>> {
        let random = SystemRandom::new();
        match self {
            Self::Rsa(pair) => {
                let mut signature = vec![0; pair.public().modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &random, message, &mut signature)
                    .ok()?;
                Some(signature)
            }
            Self::Ecdsa(pair) => Some(pair.sign(&random, message).ok()?.as_ref().to_vec()),
        }
    }
}

fn rejected(why: KeyRejected) -> InvalidKey {
    InvalidKey(match why.to_string().as_str() {
        "TooSmall" => "is an RSA key of fewer than 2048 bits; make one of 2048 to 4096 bits".to_owned(),
        "TooLarge" => "is an RSA key of more than 4096 bits; make one of 2048 to 4096 bits".to_owned(),
        other => format!(
            "is not a usable PKCS#8 key ({other}); convert it again: openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem"
        ),
    })
}

fn holds(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// The content of the first block with this label. `None` if there is none.
fn block(text: &str, label: &str) -> Result<Option<Zeroizing<Vec<u8>>>, InvalidKey> {
    let (begin, end) = (
        format!("-----BEGIN {label}-----"),
        format!("-----END {label}-----"),
    );
    let mut lines = text.lines().map(str::trim).zip(1..);
    let Some((_, first)) = lines.by_ref().find(|(line, _)| *line == begin) else {
        return Ok(None);
    };
    // Of its exact size, so that no outgrown copy stays behind.
    let mut base64 = Zeroizing::new(String::with_capacity(text.len()));
    for (line, number) in lines {
        if line == end {
            let mut decoded = Zeroizing::new(vec![0; base64.len()]);
            let Ok(length) = Base64::decode(base64.as_bytes(), &mut decoded).map(<[u8]>::len) else {
                return invalid(format!(
                    "holds damaged base64 in the block that begins in line {first}"
                ));
            };
            decoded.truncate(length);
            return Ok(Some(decoded));
        }
        let is_base64 = |byte: u8| byte.is_ascii_alphanumeric() || b"+/=".contains(&byte);
        if !line.bytes().all(is_base64) {
            return invalid(format!("holds something else than base64 in line {number}"));
        }
        base64.push_str(line);
    }
    invalid(format!(
        "ends within the block that begins in line {first}; it was cut: there is no `{end}`"
    ))
}

// What the text is in place of a key in PKCS#8.
fn not_a_key(text: &str) -> &'static str {
    let begins = |label: &str| text.contains(&format!("-----BEGIN {label}-----"));
    if text.trim_start().starts_with('{') {
        "is a JSON document and no key in PEM; of a service account's file take the key alone: \
         { command = [\"jq\", \"-r\", \".private_key\", \"FILE\"] }"
    } else if text.contains("-----\\n") {
        "has `\\n` in two characters where its lines end; write real line ends"
    } else if begins("ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED") {
        "is encrypted, and repass cannot ask for the passphrase; decrypt it into a private file: \
         openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem"
    } else if begins("RSA PRIVATE KEY") || begins("EC PRIVATE KEY") {
        "is in an older form (PKCS#1 or SEC 1); convert it: openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem"
    } else if begins("OPENSSH PRIVATE KEY") {
        "is an OpenSSH key; convert it: ssh-keygen -p -m pkcs8 -f KEY"
    } else if begins("PUBLIC KEY") || begins("CERTIFICATE") {
        "holds the public part only; the private key is needed, in PKCS#8"
    } else {
        "holds no PEM block `PRIVATE KEY`; give the key in PKCS#8: openssl pkcs8 -topk8 -nocrypt -in KEY -out KEY.pem"
    }
}
