{
  config,
  lib,
  pkgs,
  ...
}:
let
  cfg = config.virtualisation.nixen;
  nixen = import ../../lib { inherit lib; };
  isXen = cfg.hypervisor == "xen";
  uri = if isXen then "xen:///system" else "qemu:///system";
  domains = lib.filterAttrs (_: domain: domain.enable) cfg.domains;

  # What every guest of this host is: the guest module, and the disk layout of the base image.
  guest =
    { modulesPath, ... }:
    {
      imports = [
        ../guest
        (modulesPath + "/virtualisation/disk-image.nix")
      ];
      services.nixen-guest.enable = lib.mkDefault true;
      image.format = "qcow2";
      image.efiSupport = lib.mkDefault true;
      system.stateVersion = lib.mkDefault config.system.stateVersion;
    };

  # Evaluated once for each base, not for each VM: all VMs of a base share its image.
  baseImages = lib.mapAttrs (
    name: base:
    if base.image != null then
      toString base.image
    else
      let
        built = pkgs.nixos {
          imports = [
            guest
            base.config
          ];
          image.baseName = "nixen-base-${name}";
          networking.hostName = lib.mkDefault name;
        };
      in
      "${built.config.system.build.image}/${built.config.image.fileName}"
  ) cfg.bases;

  # Addresses as the guest's own systemd-networkd sets them, found by MAC.
  addresses = nics: {
    networking.useNetworkd = lib.mkDefault true;
    networking.useDHCP = lib.mkDefault false;
    systemd.network.enable = true;
    systemd.network.networks = lib.listToAttrs (
      map (
        nic:
        lib.nameValuePair "10-${nic.name}" {
          matchConfig.MACAddress = nic.mac;
          address = lib.optional (nic.address != null) nic.address;
          gateway = lib.optional (nic.gateway != null) nic.gateway;
          inherit (nic) dns;
          networkConfig.DHCP = if nic.address == null then "yes" else "no";
        }
      ) nics
    );
  };

  systemOf =
    name: domain: nics:
    (pkgs.nixos {
      imports = [
        guest
        (addresses nics)
        domain.config
      ];
      networking.hostName = lib.mkDefault name;
      # It knows what it is: nobody else has to tell it.
      services.nixen-guest.cloudInit.enable = lib.mkDefault false;
    }).config.system.build.toplevel;

  # A read-only disk with the closure of the system as a binary cache: one way only, no network, no store of the host in the guest.
  seedOf =
    name: system:
    pkgs.runCommand "nixen-seed-${name}.iso"
      {
        nativeBuildInputs = [ pkgs.xorriso ];
        cache = pkgs.mkBinaryCache { rootPaths = [ system ]; };
        toplevel = system;
        preferLocalBuild = true;
      }
      ''
        mkdir seed
        printf '%s\n' "$toplevel" > seed/system
        cp -r "$cache" seed/cache
        xorriso -as mkisofs -quiet -V NIXENSEED -r -iso-level 3 -o "$out" seed
      '';

  nicsOf =
    name: domain:
    lib.mapAttrsToList (
      key: nic:
      nic
      // {
        name = key;
        mac =
          if nic.mac != null then
            nic.mac
          else
            nixen.mac.for {
              backend = cfg.hypervisor;
              name = "${name}/${key}";
            };
        bridge = (cfg.networks.${nic.network} or { bridge = ""; }).bridge;
      }
    ) domain.nics;

  # `root` first, then the others by their names.
  diskNames =
    domain:
    let
      all = lib.attrNames domain.disks;
    in
    lib.filter (name: name == "root") all ++ lib.filter (name: name != "root") all;

  disksOf =
    name: domain:
    lib.imap0 (
      index: key:
      let
        disk = domain.disks.${key};
      in
      {
        inherit key;
        inherit (disk) size readOnly bus;
        kind = "disk";
        format = "qcow2";
        path = "${(cfg.pools.${disk.pool} or { path = ""; }).path}/${name}-${key}.qcow2";
        base = if index == 0 && domain.base != null then baseImages.${domain.base} or null else null;
        bootOrder = if domain.iso == null && index == 0 then 1 else null;
      }
    ) (diskNames domain);

  cdrom = path: bootOrder: {
    kind = "iso";
    format = "raw";
    readOnly = true;
    bus = null;
    inherit path bootOrder;
  };

  rendered = lib.mapAttrs (
    name: domain:
    let
      nics = nicsOf name domain;
      disks = disksOf name domain;
      seed = lib.optional (domain.config != null) (cdrom "${seedOf name (systemOf name domain nics)}" null);
      iso = lib.optional (domain.iso != null) (cdrom (toString domain.iso) 1);
    in
    {
      inherit disks;
      xml = nixen.libvirt.domain {
        inherit name nics;
        inherit (cfg) hypervisor;
        inherit (domain)
          uuid
          title
          memory
          vcpus
          firmware
          cpuMode
          vnc
          tpm
          locked
          ;
        disks = disks ++ iso ++ seed;
      };
    }
  ) domains;

  tools = [
    config.virtualisation.libvirtd.package
    config.nix.package
    pkgs.coreutils
    pkgs.gnused
    pkgs.jq
    pkgs.qemu-utils
  ];
in
{
  options.virtualisation.nixen.rendered = lib.mkOption {
    type = lib.types.attrsOf lib.types.anything;
    internal = true;
    readOnly = true;
    description = "Each domain as libvirt gets it.";
  };

  config = lib.mkIf cfg.enable {
    virtualisation.nixen.rendered = rendered;

    systemd.services =
      lib.mapAttrs' (
        name: domain:
        lib.nameValuePair "nixen-domain-${name}" {
          description = "VM ${name}";
          wantedBy = lib.optional domain.autostart "multi-user.target";
          requires = [ "libvirtd.service" ];
          wants = map (disk: "nixen-pool-${disk.pool}.service") (lib.attrValues domain.disks) ++ [ "network-online.target" ];
          after = map (disk: "nixen-pool-${disk.pool}.service") (lib.attrValues domain.disks) ++ [
            "libvirtd.service"
            "network-online.target"
          ];
          # A change of the configuration is told to libvirt; the VM is not stopped for it.
          reloadIfChanged = true;
          path = tools;
          environment = {
            NIXEN_URI = uri;
            NIXEN_DOMAIN = name;
            NIXEN_OPTION = "virtualisation.nixen.domains.${name}";
            NIXEN_XML = pkgs.writeText "${name}.xml" rendered.${name}.xml;
            NIXEN_DISKS = lib.concatMapStringsSep "\n" (
              disk: "${disk.key} ${disk.path} ${disk.size} ${if disk.base == null then "-" else disk.base}"
            ) rendered.${name}.disks;
            NIXEN_ON_CHANGE = domain.onChange;
            NIXEN_SHUTDOWN_TIMEOUT = toString domain.shutdownTimeout;
          };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${lib.getExe pkgs.bash} ${../../scripts/domain.sh} up";
            ExecReload = "${lib.getExe pkgs.bash} ${../../scripts/domain.sh} change";
            ExecStop = "${lib.getExe pkgs.bash} ${../../scripts/domain.sh} down";
            TimeoutStopSec = domain.shutdownTimeout + 30;
          };
        }
      ) domains
      // {
        # What was declared and is no longer is forgotten by libvirt once it is off. Its disks stay.
        nixen-domains = {
          description = "Declared VMs: forget those that are declared no more";
          wantedBy = [ "multi-user.target" ];
          requires = [ "libvirtd.service" ];
          after = [ "libvirtd.service" ];
          path = tools;
          environment = {
            NIXEN_URI = uri;
            NIXEN_DECLARED = lib.concatStringsSep " " (lib.attrNames domains);
          };
          serviceConfig = {
            Type = "oneshot";
            RemainAfterExit = true;
            ExecStart = "${lib.getExe pkgs.bash} ${../../scripts/forget.sh}";
          };
        };
      };
  };
}
