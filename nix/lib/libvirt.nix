# XML for libvirt, from sets: an element is { name, attributes, children }, a child an element or text. Written by hand in one place, so that
# every value is escaped.
{ lib }:
let
  element = name: attributes: children: { inherit name attributes children; };
  attribute = name: value: " ${name}='${lib.escapeXML (if builtins.isBool value then (if value then "yes" else "no") else toString value)}'";
  render =
    indent: node:
    if builtins.isString node || builtins.isInt node then
      lib.escapeXML (toString node)
    else
      let
        attributes = lib.concatStrings (lib.mapAttrsToList attribute (lib.filterAttrs (_: value: value != null) node.attributes));
        children = lib.filter (child: child != null) (lib.flatten node.children);
        isText = lib.all (child: !(builtins.isAttrs child)) children;
        inner = lib.concatMapStrings (child: "${render "${indent}  " child}") children;
      in
      if children == [ ] then
        "${indent}<${node.name}${attributes}/>\n"
      else if isText then
        "${indent}<${node.name}${attributes}>${lib.concatMapStrings (render "") children}</${node.name}>\n"
      else
        "${indent}<${node.name}${attributes}>\n${inner}${indent}</${node.name}>\n";

  on = condition: node: if condition then node else null;
  leaf = name: text: element name { } [ text ];
  letters = "abcdefghijklmnopqrstuvwxyz";
  nth = index: builtins.substring index 1 letters;

  # Actions of the API that change what is declared here (packages/api/src/vm/capabilities.ts). Starting and stopping is not among them.
  lockedActions = [
    "addNic"
    "addTpm"
    "attachDisk"
    "attachPci"
    "attachUsb"
    "convertToTemplate"
    "delete"
    "detachDisk"
    "migrate"
    "removeNic"
    "removeTpm"
    "setCpus"
    "setFirmware"
    "setMemory"
    "setSecureBoot"
    "setVirtualization"
  ];

  disk =
    { hypervisor, index }:
    each:
    let
      bus = if each.bus != null then each.bus else if each.kind == "iso" then "sata" else if hypervisor == "xen" then "xen" else "virtio";
      dev =
        if bus == "xen" then
          "xvd${nth index}"
        else if bus == "virtio" then
          "vd${nth index}"
        else
          "sd${nth index}";
    in
    element "disk"
      {
        type = "file";
        device = if each.kind == "iso" then "cdrom" else "disk";
      }
      [
        (element "driver" (
          {
            name = "qemu";
            type = each.format;
          }
          // lib.optionalAttrs (each.kind != "iso" && hypervisor == "kvm") {
            discard = "unmap";
            detect_zeroes = "unmap";
          }
        ) [ ])
        (element "source" { file = each.path; } [ ])
        (element "target" { inherit dev bus; } [ ])
        (on each.readOnly (element "readonly" { } [ ]))
        (on (each.bootOrder != null) (element "boot" { order = each.bootOrder; } [ ]))
      ];

  nic =
    hypervisor: each:
    element "interface" { type = "bridge"; } [
      (element "mac" { address = each.mac; } [ ])
      (element "source" { inherit (each) bridge; } [ ])
      (on (hypervisor == "kvm") (element "model" { type = "virtio"; } [ ]))
      (on (hypervisor == "kvm" && each.filterAddress) (
        element "filterref" { filter = "clean-traffic"; } [ ]
      ))
    ];
in
{
  inherit element render lockedActions;

  # A domain as `virsh define` takes it.
  domain =
    {
      hypervisor,
      name,
      uuid,
      title,
      memory,
      vcpus,
      firmware,
      cpuMode,
      disks,
      nics,
      vnc,
      tpm,
      locked,
      extraElements ? [ ],
    }:
    let
      isKvm = hypervisor == "kvm";
      reason = "It is declared in the configuration of the host (virtualisation.nixen.domains.${name}). Change it there.";
    in
    render "" (
      element "domain" { type = if isKvm then "kvm" else "xen"; } ([
        (leaf "name" name)
        (leaf "uuid" uuid)
        (on (title != "") (leaf "title" title))
        (leaf "metadata" (
          element "vm" { xmlns = "urn:nixen:vm:1"; } (
            [
              (element "tag" { } [ "declared" ])
              (element "field" { name = "declared"; } [ "virtualisation.nixen.domains.${name}" ])
            ]
            ++ lib.optionals locked (map (action: element "blocked" { name = action; } [ reason ]) lockedActions)
          )
        ))
        (element "memory" { unit = "MiB"; } [ memory ])
        (element "currentMemory" { unit = "MiB"; } [ memory ])
        (element "vcpu" { placement = "static"; } [ vcpus ])
        (element "os" (lib.optionalAttrs (firmware == "uefi") { firmware = "efi"; }) [
          (element "type" {
            arch = "x86_64";
            machine = if isKvm then "q35" else "xenfv";
          } [ "hvm" ])
          (on (isKvm && firmware == "uefi") (
            element "firmware" { } [
              (element "feature" { enabled = "no"; name = "secure-boot"; } [ ])
            ]
          ))
        ])
        (element "features" { } [
          (element "acpi" { } [ ])
          (element "apic" { } [ ])
        ])
        (on isKvm (element "cpu" { mode = cpuMode; } [ ]))
        (element "clock" { offset = "utc"; } [ ])
        (leaf "on_poweroff" "destroy")
        (leaf "on_reboot" "restart")
        (leaf "on_crash" "restart")
        (element "devices" { } (
          lib.imap0 (index: each: disk { inherit hypervisor index; } each) disks
          ++ map (nic hypervisor) nics
          ++ [
            (element "serial" { type = "pty"; } [ ])
            (element "console" { type = "pty"; } [ ])
          ]
          ++ lib.optionals isKvm [
            (element "channel" { type = "unix"; } [
              (element "target" { type = "virtio"; name = "org.qemu.guest_agent.0"; } [ ])
            ])
            (element "rng" { model = "virtio"; } [ (element "backend" { model = "random"; } [ "/dev/urandom" ]) ])
            (element "memballoon" { model = "virtio"; } [ ])
          ]
          ++ lib.optional (tpm && isKvm) (
            element "tpm" { model = "tpm-crb"; } [ (element "backend" { type = "emulator"; version = "2.0"; } [ ]) ]
          )
          ++ lib.optionals vnc [
            # On the loopback alone: the console of Nixen comes through libvirt.
            (element "graphics" { type = "vnc"; port = "-1"; autoport = true; listen = "127.0.0.1"; } [ ])
            (element "video" { } [ (element "model" { type = if isKvm then "virtio" else "vga"; } [ ]) ])
          ]
        ))
      ] ++ extraElements)
    );

  pool =
    { name, path }:
    render "" (
      element "pool" { type = "dir"; } [
        (leaf "name" name)
        (element "target" { } [ (leaf "path" path) ])
      ]
    );
}
