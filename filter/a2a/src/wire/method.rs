//! The names that JSON-RPC gives to operations.

use tollgate_policy::Operation;
use tollgate_policy::document::ProtocolVersion;

/// The method of an operation. 0.3 has no listing of tasks in its specification; the name is what servers that have one call it.
pub(super) fn name(operation: Operation, version: ProtocolVersion) -> &'static str {
    if version == ProtocolVersion::V1_0 {
        return operation.name();
    }
    match operation {
        Operation::SendMessage => "message/send",
        Operation::SendStreamingMessage => "message/stream",
        Operation::GetTask => "tasks/get",
        Operation::ListTasks => "tasks/list",
        Operation::CancelTask => "tasks/cancel",
        Operation::SubscribeToTask => "tasks/resubscribe",
        Operation::CreatePushConfig => "tasks/pushNotificationConfig/set",
        Operation::GetPushConfig => "tasks/pushNotificationConfig/get",
        Operation::ListPushConfigs => "tasks/pushNotificationConfig/list",
        Operation::DeletePushConfig => "tasks/pushNotificationConfig/delete",
        Operation::GetExtendedCard => "agent/getAuthenticatedExtendedCard",
    }
}

/// The version that has a method of this name: 0.3's have a slash in them.
pub(super) fn version(name: &str) -> ProtocolVersion {
    if name.contains('/') { ProtocolVersion::V0_3 } else { ProtocolVersion::V1_0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_of_its_operation_and_version() {
        use Operation::*;
        for operation in [
            SendMessage,
            SendStreamingMessage,
            GetTask,
            ListTasks,
            CancelTask,
            SubscribeToTask,
            CreatePushConfig,
            GetPushConfig,
            ListPushConfigs,
            DeletePushConfig,
            GetExtendedCard,
        ] {
            for at in [ProtocolVersion::V0_3, ProtocolVersion::V1_0] {
                let name = name(operation, at);
                assert_eq!((Operation::from_method(name), version(name)), (Some(operation), at), "{name}");
            }
        }
    }
}
