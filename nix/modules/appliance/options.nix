{
  config,
  lib,
  pkgs,
  ...
}:
let
  inherit (lib) mkOption types;
  nixen = import ../../lib { inherit lib; };
in
{
  options.services.nixen = {
    enable = lib.mkEnableOption "Nixen, the control plane for virtual machines on Xen and KVM hosts";

    package = lib.mkPackageOption pkgs "nixen" { };

    configurationVersion = mkOption {
      type = types.nullOr types.ints.positive;
      default = null;
      example = 1;
      description = ''
        Version of these options that the configuration is written for; templates set it. When options change their meaning it grows, and a
        configuration of an older one is told what to change.
      '';
    };

    settings = mkOption {
      type = types.submodule {
        freeformType = types.attrsOf types.anything;
        inherit (nixen.settings) options;
      };
      default = { };
      # They are told in docs/reference/configuration.md.
      visible = "shallow";
      example = lib.literalExpression ''
        {
          server.public_url = "https://nixen.example.net";
          session.idle = "4h";
        }
      '';
      description = ''
        Settings of the server, as in docs/reference/configuration.md; written to its TOML file. What is set here is read-only in the console. A key
        that this version of the server does not know is refused. Nothing secret belongs here: see
        {option}`services.nixen.database.urlFile` and {option}`services.nixen.credentials`.
      '';
    };

    configText = mkOption {
      type = types.str;
      readOnly = true;
      internal = true;
      description = "The TOML file, as text.";
    };

    configFile = mkOption {
      type = types.package;
      readOnly = true;
      internal = true;
      description = "The TOML file, read by the server itself when it is built: one that it refuses cannot be switched to.";
    };

    openFirewall = mkOption {
      type = types.bool;
      default = false;
      description = "Whether to open the ports of the console (and of the redirection) in the firewall.";
    };

    credentials = mkOption {
      type = types.attrsOf types.path;
      default = { };
      example = { "smtp-password" = "/run/secrets/smtp-password"; };
      description = ''
        Files that the server may read as `/run/credentials/nixen.service/NAME`, whoever they belong to (`LoadCredential=` of systemd). Paths are not
        copied to the store when written as text.
      '';
    };

    extraEnvironment = mkOption {
      type = types.attrsOf types.str;
      default = { };
      example = { HTTPS_PROXY = "http://proxy.example.net:3128"; };
      description = "More variables for the server. They can be read by every user of the machine.";
    };

    memory.heap = mkOption {
      type = types.nullOr (types.ints.between 128 1048576);
      default = null;
      example = 4096;
      description = "Most MiB that the heap of the server may take; left to Node when null. For installations with thousands of VMs.";
    };

    memory.max = mkOption {
      type = types.nullOr types.str;
      default = null;
      example = "8G";
      description = "Memory of the server with its workers at which systemd ends it (`MemoryMax=`); without a limit when null.";
    };
  };

  config = lib.mkIf config.services.nixen.enable {
    services.nixen.configText = nixen.toml.render config.services.nixen.settings;
    services.nixen.configFile =
      pkgs.runCommand "nixen.toml"
        {
          text = config.services.nixen.configText;
          passAsFile = [ "text" ];
          # A unit test of the configuration, by the program that will read it.
          preferLocalBuild = true;
        }
        ''
          cp "$textPath" nixen.toml
          ${lib.getExe config.services.nixen.package} appliance check nixen.toml
          cp nixen.toml "$out"
        '';
  };
}
