{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  cfg = config.virtualisation.nixen;
  nixen = import ../../lib { inherit lib; };
  macOf = types.strMatching "([0-9a-f]{2}:){5}[0-9a-f]{2}";
  module = types.deferredModule;
in
{
  options.virtualisation.nixen = {
    bases = mkOption {
      default = { };
      example = lib.literalExpression ''{ default = { config = { services.nixen-guest.enable = true; }; }; }'';
      description = ''
        Images that VMs begin from, each built once from a NixOS configuration and shared by all VMs that name it: a VM keeps only what it changes,
        in an overlay. They are built on the host, never when a VM starts.
      '';
      type = types.attrsOf (
        types.submodule {
          options.config = mkOption {
            type = module;
            default = { };
            description = "NixOS configuration of the image; `nixosModules.guest` is in it already.";
          };
          options.image = mkOption {
            type = types.nullOr types.path;
            default = null;
            description = "A qcow2 image that is there, in place of one that is built.";
          };
        }
      );
    };

    domains = mkOption {
      default = { };
      example = lib.literalExpression ''
        {
          web = {
            base = "default";
            memory = 2048;
            vcpus = 2;
            nics.lan = { network = "lan"; address = "192.168.1.20/24"; gateway = "192.168.1.1"; };
            config = { services.nginx.enable = true; };
          };
        }
      '';
      description = "VMs that this configuration declares. Others can be made in the console beside them, and are left alone.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              enable = mkOption {
                type = types.bool;
                default = true;
                description = "Whether it is there. A VM that is no longer declared is shut down and forgotten by libvirt; its disks stay.";
              };
              title = mkOption {
                type = types.singleLineStr;
                default = "";
                description = "What people call it.";
              };
              uuid = mkOption {
                type = types.strMatching "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}";
                default = nixen.mac.uuid name;
                defaultText = lib.literalMD "made from the name, always the same";
                description = "Identity of the VM; backups go by it.";
              };
              vcpus = mkOption {
                type = types.ints.positive;
                default = 1;
                description = "Processors.";
              };
              memory = mkOption {
                type = types.ints.between 64 16777216;
                default = 1024;
                description = "Memory in MiB.";
              };
              firmware = mkOption {
                type = types.enum [
                  "uefi"
                  "bios"
                ];
                default = "uefi";
                description = "Firmware.";
              };
              cpuMode = mkOption {
                type = types.enum [
                  "host-passthrough"
                  "host-model"
                  "maximum"
                ];
                default = "host-model";
                description = "For KVM: which processor the guest sees. `host-model` can migrate to similar hosts.";
              };
              tpm = mkOption {
                type = types.bool;
                default = false;
                description = "For KVM: whether it has a TPM 2.0.";
              };
              vnc = mkOption {
                type = types.bool;
                default = true;
                description = "Whether it has a screen; on the loopback, for the console of Nixen.";
              };
              autostart = mkOption {
                type = types.bool;
                default = true;
                description = "Whether it starts with the host.";
              };
              locked = mkOption {
                type = types.bool;
                default = true;
                description = "Whether the console refuses to change what is declared here: hardware, disks, deletion. Power, snapshots and backups are never refused.";
              };
              onChange = mkOption {
                type = types.enum [
                  "keep"
                  "reboot"
                ];
                default = "keep";
                description = "When its hardware changes while it runs: `keep` it running, the change counts from its next start; or `reboot` it.";
              };
              shutdownTimeout = mkOption {
                type = types.ints.positive;
                default = 120;
                description = "Seconds that the guest has to shut down. After that it is left running and the unit fails: nothing is pulled from under it.";
              };
              base = mkOption {
                type = types.nullOr types.str;
                default = null;
                example = "default";
                description = "The image of {option}`virtualisation.nixen.bases` that its first disk begins from.";
              };
              config = mkOption {
                type = types.nullOr module;
                default = null;
                description = "NixOS configuration that the VM makes itself at its first start, from the base. It is built on the host and brought along on a read-only disk, so the VM needs no network and compiles nothing.";
              };
              iso = mkOption {
                type = types.nullOr types.path;
                default = null;
                description = "An ISO to start from, for other systems.";
              };
              disks = mkOption {
                default.root = { };
                description = "Disks by name; the first in order of names, or `root`, is what it starts from.";
                type = types.attrsOf (
                  types.submodule {
                    options = {
                      size = mkOption {
                        type = types.strMatching "[1-9][0-9]*[MGT]";
                        default = "20G";
                        description = "Size: `512M`, `20G`, `1T`. A larger one grows the disk at its next start; none is ever made smaller.";
                      };
                      pool = mkOption {
                        type = types.str;
                        default = "default";
                        description = "Pool that it is in.";
                      };
                      bus = mkOption {
                        type = types.nullOr (types.enum [ "virtio" "sata" "scsi" "xen" ]);
                        default = null;
                        description = "How the guest sees it; what is best for the hypervisor when null.";
                      };
                      readOnly = mkOption {
                        type = types.bool;
                        default = false;
                        description = "Whether the guest cannot write to it.";
                      };
                    };
                  }
                );
              };
              nics = mkOption {
                default = { };
                description = "Network interfaces by name.";
                type = types.attrsOf (
                  types.submodule (
                    {
                      options = {
                        network = mkOption {
                          type = types.str;
                          description = "Network of {option}`virtualisation.nixen.networks`.";
                        };
                        mac = mkOption {
                          type = types.nullOr macOf;
                          default = null;
                          example = "52:54:00:12:34:56";
                          description = "MAC address, in lower case; made from the names of the VM and the interface when null, always the same.";
                        };
                        address = mkOption {
                          type = types.nullOr (types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}");
                          default = null;
                          example = "192.168.1.20/24";
                          description = "Static address, for a VM with `config`; by DHCP when null.";
                        };
                        gateway = mkOption {
                          type = types.nullOr types.str;
                          default = null;
                          description = "Default gateway.";
                        };
                        dns = mkOption {
                          type = types.listOf types.str;
                          default = [ ];
                          description = "DNS servers.";
                        };
                        filterAddress = mkOption {
                          type = types.bool;
                          default = false;
                          description = "For KVM: whether the VM can only send with its own addresses.";
                        };
                      };
                    }
                  )
                );
              };
            };
          }
        )
      );
    };
  };

  config.assertions = lib.mkIf (!cfg.enable) [
    {
      assertion = cfg.domains == { };
      message = "virtualisation.nixen.domains declares ${lib.concatStringsSep ", " (lib.attrNames cfg.domains)}, and virtualisation.nixen.enable is not set. Set it.";
    }
  ];
}
