//! The files in `deploy/` match the binary and each other. Needs no container engine, cluster or systemd.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use crate::binary::run;

const CONTAINERFILE: &str = include_str!("../../deploy/Containerfile");
const MANIFEST: &str = include_str!("../../deploy/kubernetes-sidecar.yaml");
const REPLICAS: &str = include_str!("../../deploy/kubernetes-replicas.yaml");
const UNIT: &str = include_str!("../../deploy/repass.service");
const WORKER: &str = include_str!("../../deploy/repass-bulk-worker@.service");
const PAGE: &str = include_str!("../../docs/sidecar.md");

/// Asserts that the binary accepts a command line, without running it.
#[track_caller]
fn assert_known(arguments: &[&str]) {
    let folder = tempfile::tempdir().unwrap();
    let run = run(folder.path(), &[arguments, &["--help"]].concat(), b"");
    assert_eq!(run.code, 0, "{arguments:?}: {run:?}");
}

fn help(command: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    run(folder.path(), &[command, "--help"], b"").stdout
}

/// The value of the last line of a Containerfile that begins with this word.
fn instruction(word: &str) -> &'static str {
    let mut lines = CONTAINERFILE.lines().filter_map(|line| line.strip_prefix(word));
    lines.next_back().unwrap_or_else(|| panic!("no {word}")).trim()
}

/// The numeric user of the image: a kubelet cannot resolve the image's user names.
fn image_user() -> u64 {
    let ids: Vec<u64> = instruction("USER ")
        .split(':')
        .map(|id| id.parse().unwrap())
        .collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| *id > 0), "{ids:?}");
    ids[0]
}

fn documents(manifest: &str) -> Vec<Value> {
    serde_yaml_ng::Deserializer::from_str(manifest)
        .map(|document| serde::Deserialize::deserialize(document).unwrap())
        .collect()
}

fn words(list: &Value) -> Vec<&str> {
    let list = list.as_array().unwrap_or_else(|| panic!("{list} is no list"));
    list.iter().map(|word| word.as_str().unwrap()).collect()
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let mut all = list.as_array().unwrap().iter();
    all.find(|it| it["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list}"))
}

/// The port of `--listen`, and of the default.
fn listened(arguments: &[&str]) -> String {
    let given = arguments.iter().skip_while(|word| **word != "--listen").nth(1);
    let default = help("serve");
    let default = default.split_once("[default: 127.0.0.1:").unwrap().1;
    let default = format!("127.0.0.1:{}", default.split(']').next().unwrap());
    let address = given.map_or(default, |given| (*given).to_owned());
    address.rsplit_once(':').unwrap().1.to_owned()
}

#[test]
fn container_image_has_a_numeric_user_and_a_valid_command() {
    image_user();
    let command: Vec<String> = serde_json::from_str(instruction("CMD ")).unwrap();
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    assert_known(&command);
    assert_eq!(instruction("EXPOSE "), listened(&command));
    let entry: Vec<String> = serde_json::from_str(instruction("ENTRYPOINT ")).unwrap();
    let copied = CONTAINERFILE
        .lines()
        .find(|line| line.starts_with("COPY --from=build"));
    assert!(copied.unwrap().ends_with(&entry[0]), "{entry:?}");
}

#[test]
fn kubernetes_manifest_matches_image_and_command_line() {
    let documents = documents(MANIFEST);
    let of_kind = |kind: &str| documents.iter().find(|it| it["kind"] == kind).unwrap();
    let pod = &of_kind("Deployment")["spec"]["template"]["spec"];
    let sidecar = named(&pod["initContainers"], "repass");
    // The kubelet compares numbers only.
    let security = &sidecar["securityContext"];
    assert_eq!(security["runAsNonRoot"], true);
    assert_eq!(security["runAsUser"], image_user());
    let arguments = words(&sidecar["args"]);
    assert_known(&arguments);
    for probe in ["startupProbe", "readinessProbe", "livenessProbe"] {
        let probe = &sidecar[probe];
        if let Some(http) = probe.get("httpGet") {
            assert!(
                ["/healthz", "/readyz"].contains(&http["path"].as_str().unwrap()),
                "{http}"
            );
            assert_eq!(http["port"].to_string(), listened(&arguments));
        }
        if let Some(exec) = probe.get("exec") {
            let command = words(&exec["command"]);
            let entry: Vec<String> = serde_json::from_str(instruction("ENTRYPOINT ")).unwrap();
            assert_eq!(command[0], entry[0]);
            assert_known(&command[1..]);
        }
    }
    let url = &named(&named(&pod["containers"], "accounts")["env"], "REPASS_URL")["value"];
    assert_eq!(*url, format!("http://127.0.0.1:{}", listened(&arguments)));
    // Changes in flight are waited for: 30 s, and what it takes to end.
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 40);
    // Every mount is of a volume, and the files that are named lie in mounts.
    let mounts = sidecar["volumeMounts"].as_array().unwrap();
    for mount in mounts {
        named(&pod["volumes"], mount["name"].as_str().unwrap());
    }
    let lies_in_a_mount = |path: &str, writable: bool| {
        mounts.iter().any(|mount| {
            path.starts_with(mount["mountPath"].as_str().unwrap()) && !(writable && mount["readOnly"] == true)
        })
    };
    let file = arguments.iter().skip_while(|word| **word != "-c").nth(1).unwrap();
    assert!(lies_in_a_mount(file, false), "{file}");
    let (folder, name) = file.rsplit_once('/').unwrap();
    let config = of_kind("ConfigMap")["data"][name].as_str().unwrap();
    assert!(lies_in_a_mount(folder, false));
    // The configuration is good, and its variables are given.
    let test_env = tempfile::tempdir().unwrap();
    fs::write(test_env.path().join("repass.toml"), config).unwrap();
    let shown = run(
        test_env.path(),
        &["--json", "-c", "repass.toml", "config", "show"],
        b"",
    );
    assert_eq!(shown.code, 0, "{shown:?}");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let audit = shown["audit"]["file"].as_str().unwrap();
    assert!(lies_in_a_mount(audit, true), "{audit}");
    for (_, provider) in shown["providers"].as_object().unwrap() {
        let variable = provider["auth"]["token"]["env"].as_str().unwrap();
        named(&sidecar["env"], variable);
    }
}

#[test]
fn kubernetes_replicas_match_image_and_command_line() {
    let documents = documents(REPLICAS);
    let of_kind = |kind: &str| documents.iter().find(|it| it["kind"] == kind).unwrap();
    let deployment = &of_kind("Deployment")["spec"];
    assert!(deployment["replicas"].as_u64().unwrap() > 1);
    let budget = &of_kind("PodDisruptionBudget")["spec"];
    assert_eq!(budget["selector"], deployment["selector"]);
    let pod = &deployment["template"]["spec"];
    let (migrate, serve) = (
        named(&pod["initContainers"], "migrate"),
        named(&pod["initContainers"], "repass"),
    );
    for container in [migrate, serve] {
        assert_known(&words(&container["args"]));
        assert_eq!(container["securityContext"]["runAsUser"], image_user());
        for mount in container["volumeMounts"].as_array().unwrap() {
            named(&pod["volumes"], mount["name"].as_str().unwrap());
        }
    }
    let url = &named(&named(&pod["containers"], "accounts")["env"], "REPASS_URL")["value"];
    assert_eq!(
        *url,
        format!("http://127.0.0.1:{}", listened(&words(&serve["args"])))
    );
    assert!(pod["terminationGracePeriodSeconds"].as_u64().unwrap() > 40);
    let test_env = tempfile::tempdir().unwrap();
    let config = of_kind("ConfigMap")["data"]["config.toml"].as_str().unwrap();
    fs::write(test_env.path().join("repass.toml"), config).unwrap();
    let shown = run(
        test_env.path(),
        &["--json", "-c", "repass.toml", "config", "show"],
        b"",
    );
    assert_eq!(shown.code, 0, "{shown:?}");
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    let shared = &shown["shared"];
    let used = [
        &shared["postgres"]["url"],
        &shared["secret"],
        &shown["providers"]["zoom"]["auth"]["token"],
    ];
    for secret in used {
        named(&serve["env"], secret["env"].as_str().unwrap());
    }
}

/// The directives of a unit by their names, each with all its values. Panics if systemd knows one of them not.
fn directives(unit: &'static str) -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut all: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for line in unit.lines().map(str::trim) {
        if line.is_empty() || line.starts_with(['#', ';', '[']) {
            continue;
        }
        let (name, value) = line.split_once('=').unwrap_or_else(|| panic!("{line}"));
        all.entry(name).or_default().push(value);
    }
    let unknown: Vec<_> = all.keys().filter(|name| !KNOWN.contains(name)).collect();
    assert!(unknown.is_empty(), "{unknown:?}");
    all
}

// systemd warns of others and goes on without them.
const KNOWN: &[&str] = &[
    "After",
    "AmbientCapabilities",
    "CapabilityBoundingSet",
    "Description",
    "DynamicUser",
    "ExecReload",
    "ExecStart",
    "ExecStartPost",
    "Group",
    "KeyringMode",
    "KillSignal",
    "LimitCORE",
    "LimitNOFILE",
    "LoadCredentialEncrypted",
    "LockPersonality",
    "MemoryDenyWriteExecute",
    "MemorySwapMax",
    "NoNewPrivileges",
    "PrivateDevices",
    "PrivateIPC",
    "PrivateTmp",
    "PrivateUsers",
    "ProcSubset",
    "ProtectClock",
    "ProtectControlGroups",
    "ProtectHome",
    "ProtectHostname",
    "ProtectKernelLogs",
    "ProtectKernelModules",
    "ProtectKernelTunables",
    "ProtectProc",
    "ProtectSystem",
    "RemoveIPC",
    "Restart",
    "RestartSec",
    "RestrictAddressFamilies",
    "RestrictNamespaces",
    "RestrictRealtime",
    "RestrictSUIDSGID",
    "RuntimeDirectory",
    "RuntimeDirectoryMode",
    "StartLimitBurst",
    "StartLimitIntervalSec",
    "StateDirectory",
    "SystemCallArchitectures",
    "SystemCallErrorNumber",
    "SystemCallFilter",
    "TimeoutStopSec",
    "UMask",
    "User",
    "WantedBy",
    "Wants",
];

#[test]
fn systemd_unit_matches_the_command_line() {
    let all = directives(UNIT);
    let one = |name: &str| match all.get(name).map(Vec::as_slice) {
        Some([value]) => *value,
        other => panic!("{name}: {other:?}"),
    };
    let start: Vec<&str> = one("ExecStart").split(' ').collect();
    assert!(start[0].starts_with('/'), "{start:?}");
    assert_known(&start[1..]);
    let socket = start.iter().find_map(|word| word.strip_prefix("unix:")).unwrap();
    assert!(
        socket.starts_with(&format!("/run/{}/", one("RuntimeDirectory"))),
        "{socket}"
    );
    assert!(one("ExecStartPost").contains(&format!("chmod 0660 {socket}")));
    assert!(one("ExecReload").contains("-HUP $MAINPID"));
    let families: Vec<&str> = one("RestrictAddressFamilies").split(' ').collect();
    for family in ["AF_INET", "AF_INET6", "AF_UNIX"] {
        assert!(families.contains(&family), "{family}");
    }
    // Changes in flight are waited for: 30 s, and what it takes to end.
    assert!(one("TimeoutStopSec").parse::<u32>().unwrap() > 40);
    // Two for each connection to a provider, and one for each client.
    assert!(one("LimitNOFILE").parse::<u32>().unwrap() >= 4096 + 2 * 256 + 192);
    // The comment says how a configuration refers to the credential.
    let credential = format!(
        "/run/credentials/repass.service/{}",
        one("LoadCredentialEncrypted")
    );
    assert!(UNIT.contains(&credential), "{credential}");
    assert_ne!(one("User"), "root");
}

#[test]
fn systemd_unit_of_bulk_workers_matches_the_command_line() {
    let all = directives(WORKER);
    let start: Vec<&str> = all["ExecStart"][0].split(' ').collect();
    assert!(start[0].starts_with('/'), "{start:?}");
    assert_known(&start[1..]);
    let work = start.iter().position(|word| *word == "work").unwrap();
    assert_eq!(start[work + 1], "%i", "the instance is the run");
    // Changes in flight are waited for: the timeout of a change, and what it takes to end.
    assert!(start.ends_with(&["--timeout", "1m"]), "{start:?}");
    assert!(all["TimeoutStopSec"][0].parse::<u32>().unwrap() > 60);
    let credential = all["LoadCredentialEncrypted"][0];
    assert!(WORKER.contains(&format!(
        "/run/credentials/repass-bulk-worker@NAME.service/{credential}"
    )));
    // The hardening is that of the sidecar.
    for (name, values) in directives(UNIT) {
        if name.starts_with("Protect") || name.starts_with("Restrict") || name.starts_with("SystemCall") {
            assert_eq!(all.get(name), Some(&values), "{name}");
        }
    }
}

#[test]
fn sidecar_page_lists_the_options_of_serve() {
    let (serve, mut seen) = (help("serve"), 0);
    for code in PAGE.split('`').skip(1).step_by(2) {
        for word in code.split([' ', '\n', '[', ']', '=']) {
            if let Some(option) = word.strip_prefix("--")
                && !option.is_empty()
                && !code.starts_with("cargo ")
            {
                let is_known = serve.split([' ', ',', '\n']).any(|known| known == word);
                assert!(is_known, "{word} in `{code}`");
                seen += 1;
            }
        }
    }
    assert!(seen > 5, "{seen}");
}
