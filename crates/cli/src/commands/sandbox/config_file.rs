//! `--write-config`: a configuration for a running sandbox.

use std::fs;
use std::io;
use std::path::Path;

use repass_sandbox::Sandbox;

use crate::error::CliError;
use crate::output::private_file;

const MARK: &str = "# Written by `repass sandbox`";

/// Writes the configuration, its token (`NAME.token`) and, with TLS, the certificate authority (`NAME.ca.pem`). A
/// file that a former sandbox wrote is replaced; any other file is left unchanged.
pub(super) fn write(file: &Path, sandbox: &Sandbox) -> Result<(), CliError> {
    let refused = |what: &Path, why: &dyn std::fmt::Display| {
        CliError::usage(format!("--write-config: cannot write {}: {why}", what.display()))
    };
    match fs::read_to_string(file) {
        Ok(text) if text.starts_with(MARK) => {}
        Ok(_) => {
            return Err(refused(
                file,
                &"it exists and was not written by a sandbox; name another file",
            ));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(refused(file, &error)),
    }
    if let Some(folder) = file.parent() {
        fs::create_dir_all(folder).map_err(|error| refused(folder, &error))?;
    }
    let (token, authority) = (file.with_extension("token"), file.with_extension("ca.pem"));
    private_file::write(&token, &format!("{}\n", sandbox.startup_info().token))
        .map_err(|error| refused(&token, &error))?;
    if let Some(pem) = sandbox.ca_pem() {
        private_file::write(&authority, pem).map_err(|error| refused(&authority, &error))?;
    }
    let text = text(sandbox, &token, sandbox.ca_pem().map(|_| authority.as_path()));
    private_file::write(file, &text).map_err(|error| refused(file, &error))
}

fn text(sandbox: &Sandbox, token: &Path, authority: Option<&Path>) -> String {
    let name = |path: &Path| {
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        toml::Value::String(name).to_string()
    };
    let common = |base_url: &str| {
        let tls = authority.map_or_else(String::new, |pem| {
            format!("tls = {{ ca_file = {} }}\n", name(pem))
        });
        let token = name(token);
        format!(
            "base_url = \"{base_url}\"\nauth = {{ kind = \"bearer\", token = {{ file = {token} }} }}\n{tls}"
        )
    };
    format!(
        "{MARK}; valid while that sandbox is running.\n\
         default_provider = \"zoom\"\n\n\
         [providers.zoom]\nkind = \"zoom\"\n{}\n\
         [providers.portal]\nkind = \"identity\"\norganization = \"{}\"\n{}",
        common(sandbox.zoom_base_url()),
        sandbox.startup_info().identity.partition,
        common(sandbox.identity_base_url()),
    )
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use repass_sandbox::Options;

    use super::*;
    use repass::{CallContext, Password, PasswordServiceExt as _, Services};

    async fn works(tls: bool) {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("new \"folder\"/repass.toml");
        let sandbox = Sandbox::start_with(Options {
            tls,
            ..Options::default()
        })
        .await
        .unwrap();
        // Twice, because a sandbox may be restarted.
        write(&file, &sandbox).unwrap();
        write(&file, &sandbox).unwrap();
        let written = [Some("toml"), Some("token"), tls.then_some("ca.pem")];
        for extension in written.into_iter().flatten() {
            let mode = fs::metadata(file.with_extension(extension))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{extension}");
        }
        let services = Services::from_file(&file).unwrap();
        assert_eq!(services.names(), ["portal", "zoom"]);
        let service = services.default_service().unwrap();
        let new = Password::new("New-Passw0rd-1").unwrap();
        service
            .reset(&CallContext::default(), "alice@example.com".parse().unwrap(), new)
            .await
            .unwrap();
        assert_eq!(sandbox.changes(), 1);
    }

    #[tokio::test]
    async fn written_configuration_works() {
        works(false).await;
    }

    #[tokio::test]
    async fn written_configuration_works_over_tls() {
        works(true).await;
    }

    #[tokio::test]
    async fn configuration_not_written_by_a_sandbox_is_not_replaced() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("repass.toml");
        fs::write(&file, "default_provider = \"mine\"").unwrap();
        let sandbox = Sandbox::start().await.unwrap();
        let refusal = write(&file, &sandbox).unwrap_err().lines().concat();
        assert!(refusal.contains("was not written by a sandbox"), "{refusal}");
        assert_eq!(fs::read_to_string(&file).unwrap(), "default_provider = \"mine\"");
        assert!(!file.with_extension("token").exists());
    }
}
