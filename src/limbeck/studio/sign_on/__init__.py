"""Sign-on by a provider: OpenID Connect, or an LDAP directory."""
