# http → https: a process of its own that can do nothing else. systemd holds the port and starts it when somebody comes; it ends when nobody does.
{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.services.nixen;
  nixen = import ../../lib { inherit lib; };
  port = if cfg.settings.server.port == null then nixen.settings.specs."server.port".default else cfg.settings.server.port;
  publicUrl = cfg.settings.server.public_url;
in
{
  options.services.nixen.redirect = {
    enable = mkOption {
      type = types.bool;
      default = false;
      description = "Whether plain HTTP is answered with the address of the console over HTTPS.";
    };
    port = mkOption {
      type = types.port;
      default = 80;
      description = "Port that plain HTTP comes to.";
    };
  };

  config = lib.mkIf (cfg.enable && cfg.redirect.enable) {
    networking.firewall.allowedTCPPorts = lib.mkIf cfg.openFirewall [ cfg.redirect.port ];
    systemd.sockets.nixen-redirect = {
      description = "Nixen: plain HTTP";
      wantedBy = [ "sockets.target" ];
      listenStreams = [ (toString cfg.redirect.port) ];
    };
    systemd.services.nixen-redirect = {
      description = "Nixen: plain HTTP goes to HTTPS";
      requires = [ "nixen-redirect.socket" ];
      after = [ "nixen-redirect.socket" ];
      serviceConfig = nixen.hardening.all // {
        Type = "exec";
        ExecStart =
          "${lib.getExe cfg.package} appliance redirect "
          + lib.escapeShellArgs (
            if publicUrl != null && publicUrl != "" then [ "--to" publicUrl ] else [ "--port" (toString port) ]
          );
        DynamicUser = true;
        MemoryMax = "256M";
        # It has the socket, and opens none.
        RestrictAddressFamilies = "none";
      };
    };
  };
}
