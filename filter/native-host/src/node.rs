//! What this Envoy is called. Envoy tells a module nothing of its node (1.40: the attribute `xds.node` is not answered), so its own
//! command line is asked.

use std::{fs, process, sync::LazyLock};

use serde_json::Value;

static ID: LazyLock<String> = LazyLock::new(|| {
    let named = std::env::var("TOLLGATE_NODE_ID").ok().filter(|name| !name.is_empty());
    let arguments = || fs::read("/proc/self/cmdline").ok().and_then(|line| of_command_line(&line));
    named.or_else(arguments).unwrap_or_else(|| {
        let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        format!("{}-{}", machine.trim(), process::id())
    })
});

/// `node.id` of this Envoy: the environment's `TOLLGATE_NODE_ID`, else `--service-node`, else that of the bootstrap file if that is
/// JSON (as `tollgate bootstrap` writes it), else the machine's name and the process's number.
pub fn node_id() -> String {
    ID.clone()
}

fn of_command_line(line: &[u8]) -> Option<String> {
    let arguments: Vec<_> = line.split(|byte| *byte == 0).map(String::from_utf8_lossy).collect();
    let value = |names: &[&str]| {
        arguments.iter().enumerate().find_map(|(at, argument)| {
            let (name, given) =
                argument.split_once('=').map_or((&**argument, None), |(name, value)| (name, Some(value)));
            let next = arguments.get(at.saturating_add(1)).map(|next| &**next);
            names.contains(&name).then(|| given.or(next)).flatten().map(str::to_owned)
        })
    };
    value(&["--service-node"]).or_else(|| {
        let bootstrap: Value = serde_json::from_slice(&fs::read(value(&["-c", "--config-path"])?).ok()?).ok()?;
        Some(bootstrap.get("node")?.get("id")?.as_str()?.to_owned())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_is_named_on_the_command_line_or_by_its_bootstrap() {
        let file = std::env::temp_dir().join(format!("tollgate-node-{}.json", process::id()));
        fs::write(&file, r#"{"node": {"id": "edge-7"}}"#).unwrap();
        let file_name = file.to_str().unwrap();
        let named = |arguments: &[&str]| of_command_line(arguments.join("\0").as_bytes());
        assert_eq!(named(&["envoy", "-c", file_name, "--service-node", "x"]).as_deref(), Some("x"));
        assert_eq!(named(&["envoy", "--service-node=y"]).as_deref(), Some("y"));
        assert_eq!(named(&["envoy", "-c", file_name]).as_deref(), Some("edge-7"));
        assert_eq!(named(&["envoy", &format!("--config-path={file_name}"), "-l"]).as_deref(), Some("edge-7"));
        for unnamed in [&["envoy"][..], &["envoy", "-c"], &["envoy", "-c", "/nowhere"], &["envoy", "--service-node"]] {
            assert_eq!(named(unnamed), None, "{unnamed:?}");
        }
        fs::remove_file(file).unwrap();
    }
}
