{ lib, ... }:
let
  inherit (lib) mkOption types;
  cidr = types.strMatching "[0-9a-fA-F.:]+/[0-9]{1,3}";
in
{
  options.virtualisation.nixen = {
    enable = lib.mkEnableOption "a host for VMs that Nixen runs";

    hypervisor = mkOption {
      type = types.enum [
        "kvm"
        "xen"
      ];
      default = "kvm";
      description = "`kvm`: QEMU with KVM. `xen`: this NixOS becomes dom0 of Xen ({option}`virtualisation.xen`), which wants UEFI. Both are driven by libvirt.";
    };

    dom0.memory = mkOption {
      type = types.ints.unsigned;
      default = 2048;
      description = "For Xen: MiB that dom0 keeps; 0 gives it all, and the guests nothing.";
    };

    dom0.vcpus = mkOption {
      type = types.ints.unsigned;
      default = 0;
      description = "For Xen: processors of dom0; 0 gives it all.";
    };

    users = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "nixen" ];
      description = "Users who may do everything with all VMs of this host (the group `libvirtd`). A control plane elsewhere logs in by SSH as one of them.";
    };

    networks = mkOption {
      default = { };
      example = lib.literalExpression ''
        {
          lan = { interfaces = [ "eno1" ]; address = [ "192.168.1.10/24" ]; gateway = "192.168.1.1"; dns = [ "192.168.1.1" ]; };
          private = { };
        }
      '';
      description = "Bridges that VMs are on, each by its name. One without interfaces is between the VMs and the host alone.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options = {
              bridge = mkOption {
                type = types.strMatching "[a-zA-Z][a-zA-Z0-9_.-]{0,14}";
                default = "br-${name}";
                description = "Name of the bridge; at most 15 characters.";
              };
              interfaces = mkOption {
                type = types.listOf types.str;
                default = [ ];
                example = [ "eno1" ];
                description = "Interfaces of the machine that become ports of the bridge. Their addresses move to it.";
              };
              vlan = mkOption {
                type = types.nullOr (types.ints.between 1 4094);
                default = null;
                description = "VLAN of the interfaces that the bridge is for; without a tag when null.";
              };
              dhcp = mkOption {
                type = types.bool;
                default = false;
                description = "Whether the host gets its address on this bridge by DHCP.";
              };
              address = mkOption {
                type = types.listOf cidr;
                default = [ ];
                example = [ "192.168.1.10/24" ];
                description = "Addresses of the host on this bridge.";
              };
              gateway = mkOption {
                type = types.nullOr types.str;
                default = null;
                example = "192.168.1.1";
                description = "Default gateway of the host.";
              };
              dns = mkOption {
                type = types.listOf types.str;
                default = [ ];
                description = "DNS servers of the host.";
              };
            };
          }
        )
      );
    };

    pools = mkOption {
      default = { };
      example.fast.path = "/srv/vms";
      description = "Storage pools: directories for the disks of VMs, known to libvirt by their names. `default` is always there.";
      type = types.attrsOf (
        types.submodule (
          { name, ... }:
          {
            options.path = mkOption {
              type = types.strMatching "/[^[:space:]']+";
              default = if name == "default" then "/var/lib/libvirt/images" else "/var/lib/nixen-host/${name}";
              defaultText = lib.literalMD "`/var/lib/libvirt/images` for `default`, otherwise `/var/lib/nixen-host/NAME`";
              description = "Where it is. The file system should be mounted by {option}`fileSystems` (disko declares both).";
            };
          }
        )
      );
    };
  };
}
