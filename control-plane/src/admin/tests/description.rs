//! The OpenAPI document against the API.
