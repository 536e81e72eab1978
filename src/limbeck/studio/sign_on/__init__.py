"""Single sign-on through an OpenID Connect provider or an LDAP directory."""
