# The machine around the service, when it is there for Nixen alone.
{ config, lib, ... }:
let
  inherit (lib) mkDefault mkOption types;
  cfg = config.services.nixen;
  machine = cfg.appliance;
in
{
  options.services.nixen.appliance = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = ''
        Whether the whole machine is an appliance for Nixen: the console on port 443 with redirection from 80 and the firewall opened for both, an
        administrator who logs in by SSH with a key, no log-in of root, no passwords over SSH, a journal with a limit, and the last generations in the
        boot menu. Each of these is a default: a plain assignment elsewhere wins.
      '';
    };
    adminUser = mkOption {
      type = types.strMatching "[a-z_][a-z0-9_-]{0,31}";
      default = "admin";
      description = "Name of the administrator of the machine; in the group `wheel`.";
    };
    sshKeys = mkOption {
      type = types.listOf types.singleLineStr;
      default = [ ];
      example = [ "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAI… admin@example.net" ];
      description = "Public SSH keys of the administrator. Without one nobody could log in, so there has to be one.";
    };
    journalSize = mkOption {
      type = types.str;
      default = "1G";
      description = "Most that the journal may take of the disk (`SystemMaxUse=`).";
    };
  };

  config = lib.mkIf (cfg.enable && machine.enable) {
    services.nixen.openFirewall = mkDefault true;
    services.nixen.redirect.enable = mkDefault (cfg.tls.mode != "off" && cfg.tls.mode != "acme");
    services.nixen.settings.server.port = mkDefault 443;

    users.users.${machine.adminUser} = {
      isNormalUser = true;
      extraGroups = [ "wheel" ];
      openssh.authorizedKeys.keys = machine.sshKeys;
    };
    # There is no password to ask for: who has the key is the administrator.
    security.sudo.wheelNeedsPassword = mkDefault false;

    services.openssh.enable = mkDefault true;
    services.openssh.settings = {
      PermitRootLogin = mkDefault "no";
      PasswordAuthentication = mkDefault false;
      KbdInteractiveAuthentication = mkDefault false;
      AuthenticationMethods = mkDefault "publickey";
    };

    environment.etc."systemd/journald.conf.d/nixen.conf".text = ''
      [Journal]
      SystemMaxUse=${machine.journalSize}
      MaxRetentionSec=90day
    '';

    boot.loader.systemd-boot.configurationLimit = mkDefault 20;
    nix.settings.experimental-features = [
      "nix-command"
      "flakes"
    ];
    networking.firewall.enable = mkDefault true;
  };
}
