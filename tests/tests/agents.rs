//! The example agents' own tests, in the Python that runs them.

use std::process::Command;

use tollgate_tests::binaries;

#[test]
fn the_example_agents_pass_their_own_tests() {
    let mut python = Command::new(binaries::python_agents());
    python.args(["-m", "unittest", "discover", "--start-directory", ".", "--top-level-directory", "."]);
    python.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(binaries::workspace().join("examples/agents"));
    let output = python.output().expect("python runs");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("\nOK"), "{said}");
}
