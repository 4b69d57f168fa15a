//! The data model of an A2A v1.0 card (`a2a.proto`, package `lf.a2a.v1`), as far as presence goes: which members a message has, which
//! of them are REQUIRED, and which tell "unset" from "default".

use Kind::{Many, Named, One, Plain};

/// A message of the data model.
pub(super) struct Message {
    fields: &'static [Field],
}

/// A member of a message.
pub(super) struct Field {
    name: &'static str,
    pub(super) presence: Presence,
    pub(super) kind: Kind,
}

/// When a member is part of the canonical form.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Presence {
    /// `field_behavior = REQUIRED`: always.
    Required,
    /// `optional`, members of a `oneof`, and messages: when it is set, at its default too.
    Explicit,
    /// Everything else: when it is not at its default.
    Implicit,
}

/// What a member holds.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    /// Something without members of its own here: a scalar, a list of scalars, a map of scalars, a `Struct`.
    Plain,
    /// One message.
    One(&'static Message),
    /// A list of messages.
    Many(&'static Message),
    /// A map of messages.
    Named(&'static Message),
}

impl Message {
    pub(super) fn field(&self, name: &str) -> Option<&'static Field> {
        self.fields.iter().find(|field| field.name == name)
    }
}

const fn required(name: &'static str, kind: Kind) -> Field {
    Field { name, presence: Presence::Required, kind }
}

const fn explicit(name: &'static str, kind: Kind) -> Field {
    Field { name, presence: Presence::Explicit, kind }
}

const fn implicit(name: &'static str, kind: Kind) -> Field {
    Field { name, presence: Presence::Implicit, kind }
}

/// `AgentCard`.
pub(super) static CARD: Message = Message {
    fields: &[
        required("name", Plain),
        required("description", Plain),
        required("supportedInterfaces", Many(&INTERFACE)),
        explicit("provider", One(&PROVIDER)),
        required("version", Plain),
        explicit("documentationUrl", Plain),
        required("capabilities", One(&CAPABILITIES)),
        implicit("securitySchemes", Named(&SECURITY_SCHEME)),
        implicit("securityRequirements", Many(&SECURITY_REQUIREMENT)),
        required("defaultInputModes", Plain),
        required("defaultOutputModes", Plain),
        required("skills", Many(&SKILL)),
        explicit("iconUrl", Plain),
    ],
};

static INTERFACE: Message = Message {
    fields: &[
        required("url", Plain),
        required("protocolBinding", Plain),
        implicit("tenant", Plain),
        required("protocolVersion", Plain),
    ],
};

static PROVIDER: Message = Message { fields: &[required("url", Plain), required("organization", Plain)] };

static CAPABILITIES: Message = Message {
    fields: &[
        explicit("streaming", Plain),
        explicit("pushNotifications", Plain),
        implicit("extensions", Many(&EXTENSION)),
        explicit("extendedAgentCard", Plain),
    ],
};

static EXTENSION: Message = Message {
    fields: &[
        implicit("uri", Plain),
        implicit("description", Plain),
        implicit("required", Plain),
        explicit("params", Plain),
    ],
};

static SKILL: Message = Message {
    fields: &[
        required("id", Plain),
        required("name", Plain),
        required("description", Plain),
        required("tags", Plain),
        implicit("examples", Plain),
        implicit("inputModes", Plain),
        implicit("outputModes", Plain),
        implicit("securityRequirements", Many(&SECURITY_REQUIREMENT)),
    ],
};

static SECURITY_REQUIREMENT: Message = Message { fields: &[implicit("schemes", Named(&STRING_LIST))] };

static STRING_LIST: Message = Message { fields: &[implicit("list", Plain)] };

static SECURITY_SCHEME: Message = Message {
    fields: &[
        explicit("apiKeySecurityScheme", One(&API_KEY)),
        explicit("httpAuthSecurityScheme", One(&HTTP_AUTH)),
        explicit("oauth2SecurityScheme", One(&OAUTH2)),
        explicit("openIdConnectSecurityScheme", One(&OPEN_ID_CONNECT)),
        explicit("mtlsSecurityScheme", One(&MUTUAL_TLS)),
    ],
};

static API_KEY: Message =
    Message { fields: &[implicit("description", Plain), required("location", Plain), required("name", Plain)] };

static HTTP_AUTH: Message =
    Message { fields: &[implicit("description", Plain), required("scheme", Plain), implicit("bearerFormat", Plain)] };

static OAUTH2: Message = Message {
    fields: &[
        implicit("description", Plain),
        required("flows", One(&OAUTH_FLOWS)),
        implicit("oauth2MetadataUrl", Plain),
    ],
};

static OPEN_ID_CONNECT: Message =
    Message { fields: &[implicit("description", Plain), required("openIdConnectUrl", Plain)] };

static MUTUAL_TLS: Message = Message { fields: &[implicit("description", Plain)] };

static OAUTH_FLOWS: Message = Message {
    fields: &[
        explicit("authorizationCode", One(&AUTHORIZATION_CODE)),
        explicit("clientCredentials", One(&CLIENT_CREDENTIALS)),
        explicit("implicit", One(&IMPLICIT)),
        explicit("password", One(&PASSWORD)),
        explicit("deviceCode", One(&DEVICE_CODE)),
    ],
};

static AUTHORIZATION_CODE: Message = Message {
    fields: &[
        required("authorizationUrl", Plain),
        required("tokenUrl", Plain),
        implicit("refreshUrl", Plain),
        required("scopes", Plain),
        implicit("pkceRequired", Plain),
    ],
};

static CLIENT_CREDENTIALS: Message =
    Message { fields: &[required("tokenUrl", Plain), implicit("refreshUrl", Plain), required("scopes", Plain)] };

static IMPLICIT: Message = Message {
    fields: &[implicit("authorizationUrl", Plain), implicit("refreshUrl", Plain), implicit("scopes", Plain)],
};

static PASSWORD: Message =
    Message { fields: &[implicit("tokenUrl", Plain), implicit("refreshUrl", Plain), implicit("scopes", Plain)] };

static DEVICE_CODE: Message = Message {
    fields: &[
        required("deviceAuthorizationUrl", Plain),
        required("tokenUrl", Plain),
        implicit("refreshUrl", Plain),
        required("scopes", Plain),
    ],
};
