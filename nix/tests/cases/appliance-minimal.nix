# What the template makes of an appliance.
{
  module = "appliance";
  config = {
    networking.hostName = "nixen";
    services.nixen = {
      enable = true;
      configurationVersion = 1;
      appliance.enable = true;
      appliance.sshKeys = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIFixed admin@example.net" ];
    };
  };
  values = config: {
    ports = config.networking.firewall.allowedTCPPorts;
    root = config.services.openssh.settings.PermitRootLogin;
    passwords = config.services.openssh.settings.PasswordAuthentication;
    keys = config.users.users.admin.openssh.authorizedKeys.keys;
  };
}
