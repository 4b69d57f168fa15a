//! The A2A operations, by the names both protocol versions give them, and the class that decides which grant each needs.

use crate::document::OperationClass;

/// An A2A operation (v1.0 section 3.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Sends a message, answers once.
    SendMessage,
    /// Sends a message, answers with a stream.
    SendStreamingMessage,
    /// Reads one task.
    GetTask,
    /// Reads the tasks of a context.
    ListTasks,
    /// Cancels a task.
    CancelTask,
    /// Streams a task's events.
    SubscribeToTask,
    /// Registers a webhook.
    CreatePushConfig,
    /// Reads a webhook with its secrets.
    GetPushConfig,
    /// Reads all webhooks of a task with their secrets.
    ListPushConfigs,
    /// Removes a webhook.
    DeletePushConfig,
    /// Reads the card that only authenticated callers see.
    GetExtendedCard,
}

impl Operation {
    /// The operation of a JSON-RPC `method`: v1.0 names, v0.3 names, and the two webhook names of v0.2 still in use.
    #[must_use]
    pub fn from_method(method: &str) -> Option<Self> {
        Some(match method {
            "SendMessage" | "message/send" => Self::SendMessage,
            "SendStreamingMessage" | "message/stream" => Self::SendStreamingMessage,
            "GetTask" | "tasks/get" => Self::GetTask,
            "ListTasks" | "tasks/list" => Self::ListTasks,
            "CancelTask" | "tasks/cancel" => Self::CancelTask,
            "SubscribeToTask" | "tasks/resubscribe" => Self::SubscribeToTask,
            "CreateTaskPushNotificationConfig" | "tasks/pushNotificationConfig/set" | "tasks/pushNotification/set" => {
                Self::CreatePushConfig
            }
            "GetTaskPushNotificationConfig" | "tasks/pushNotificationConfig/get" | "tasks/pushNotification/get" => {
                Self::GetPushConfig
            }
            "ListTaskPushNotificationConfigs" | "tasks/pushNotificationConfig/list" => Self::ListPushConfigs,
            "DeleteTaskPushNotificationConfig" | "tasks/pushNotificationConfig/delete" => Self::DeletePushConfig,
            "GetExtendedAgentCard" | "agent/getAuthenticatedExtendedCard" => Self::GetExtendedCard,
            _ => return None,
        })
    }

    /// The class whose grant it needs. Webhooks are a class of their own: creating one opens egress, reading one shows secrets.
    #[must_use]
    pub fn class(self) -> OperationClass {
        match self {
            Self::SendMessage | Self::SendStreamingMessage | Self::CancelTask => OperationClass::Write,
            Self::GetTask | Self::ListTasks | Self::SubscribeToTask | Self::GetExtendedCard => OperationClass::Read,
            Self::CreatePushConfig | Self::GetPushConfig | Self::ListPushConfigs | Self::DeletePushConfig => {
                OperationClass::Push
            }
        }
    }

    /// Whether a webhook configuration can ride along in its parameters, which then needs the push class too.
    #[must_use]
    pub fn may_carry_push_config(self) -> bool {
        matches!(self, Self::SendMessage | Self::SendStreamingMessage)
    }

    /// Whether it is answered with a stream of events, which lasts as long as its task.
    #[must_use]
    pub fn is_streaming(self) -> bool {
        matches!(self, Self::SendStreamingMessage | Self::SubscribeToTask)
    }

    /// Its v1.0 name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SendMessage => "SendMessage",
            Self::SendStreamingMessage => "SendStreamingMessage",
            Self::GetTask => "GetTask",
            Self::ListTasks => "ListTasks",
            Self::CancelTask => "CancelTask",
            Self::SubscribeToTask => "SubscribeToTask",
            Self::CreatePushConfig => "CreateTaskPushNotificationConfig",
            Self::GetPushConfig => "GetTaskPushNotificationConfig",
            Self::ListPushConfigs => "ListTaskPushNotificationConfigs",
            Self::DeletePushConfig => "DeleteTaskPushNotificationConfig",
            Self::GetExtendedCard => "GetExtendedAgentCard",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use OperationClass::{Push, Read, Write};

    fn check(methods: &[&str], name: &str, class: OperationClass) {
        for method in methods {
            let operation = Operation::from_method(method).unwrap();
            assert_eq!((operation.name(), operation.class()), (name, class), "{method}");
        }
    }

    #[test]
    fn both_versions_name_the_same_operations() {
        check(&["SendMessage", "message/send"], "SendMessage", Write);
        check(&["SendStreamingMessage", "message/stream"], "SendStreamingMessage", Write);
        check(&["GetTask", "tasks/get"], "GetTask", Read);
        check(&["ListTasks", "tasks/list"], "ListTasks", Read);
        check(&["CancelTask", "tasks/cancel"], "CancelTask", Write);
        check(&["SubscribeToTask", "tasks/resubscribe"], "SubscribeToTask", Read);
        check(&["GetExtendedAgentCard", "agent/getAuthenticatedExtendedCard"], "GetExtendedAgentCard", Read);
    }

    #[test]
    fn every_webhook_operation_is_of_the_push_class() {
        for (v1, v03) in [("Create", "set"), ("Get", "get"), ("Delete", "delete")] {
            let name = format!("{v1}TaskPushNotificationConfig");
            check(&[&name, &format!("tasks/pushNotificationConfig/{v03}")], &name, Push);
        }
        let list = "ListTaskPushNotificationConfigs";
        check(&[list, "tasks/pushNotificationConfig/list"], list, Push);
    }

    #[test]
    fn knows_no_other_spelling() {
        for method in ["", "sendMessage", "message/send ", "tasks/send", "GetTask\0", "rpc.discover"] {
            assert_eq!(Operation::from_method(method), None, "{method}");
        }
    }
}
