# Units as systemd reads them, from what the modules set: what NixOS makes of it, without what it adds to every unit.
{ lib }:
let
  value = given: if builtins.isBool given then lib.boolToString given else toString given;
  line = key: given: if builtins.isList given then map (each: "${key}=${value each}") given else [ "${key}=${value given}" ];
  section =
    name: fields:
    let
      kept = lib.filterAttrs (_: given: given != [ ] && given != null) fields;
      lines = lib.concatLists (lib.mapAttrsToList line kept);
    in
    lib.optionalString (lines != [ ]) (lib.concatLines ([ "[${name}]" ] ++ lines));
  unit =
    given:
    {
      Description = given.description;
      Documentation = given.documentation;
    }
    // lib.mapAttrs (_: list: if list == [ ] then null else lib.concatStringsSep " " list) {
      After = given.after;
      Before = given.before;
      Wants = given.wants;
      Requires = given.requires;
      BindsTo = given.bindsTo;
      Conflicts = given.conflicts;
      OnFailure = given.onFailure;
    }
    // lib.optionalAttrs (given.startLimitBurst != null) { StartLimitBurst = given.startLimitBurst; }
    // lib.optionalAttrs (given.startLimitIntervalSec != null) { StartLimitIntervalSec = given.startLimitIntervalSec; }
    // given.unitConfig;
  install = given: section "Install" { WantedBy = given.wantedBy; RequiredBy = given.requiredBy; };
  join = parts: lib.concatStringsSep "\n" (lib.filter (part: part != "") parts);
in
{
  service =
    given:
    join [
      (section "Unit" (unit given))
      (section "Service" (
        {
          Environment = lib.mapAttrsToList (name: text: builtins.toJSON "${name}=${toString text}") given.environment;
          X-RestartIfChanged = if given.restartIfChanged then null else false;
          X-StopIfChanged = if given.stopIfChanged then null else false;
        }
        // lib.optionalAttrs (given.path != [ ]) { ExecSearchPath = lib.concatMapStringsSep ":" (p: "${p}/bin") given.path; }
        // given.serviceConfig
      ))
      (install given)
    ];
  timer = given: join [ (section "Unit" (unit given)) (section "Timer" given.timerConfig) (install given) ];
  socket =
    given:
    join [
      (section "Unit" (unit given))
      (section "Socket" ({ ListenStream = given.listenStreams; } // given.socketConfig))
      (install given)
    ];
  mount =
    given:
    join [
      (section "Unit" (unit given))
      (section "Mount" ({ What = given.what; Where = given.where; Type = given.type; Options = given.options; } // given.mountConfig))
      (install given)
    ];
  automount =
    given:
    join [
      (section "Unit" (unit given))
      (section "Automount" ({ Where = given.where; } // given.automountConfig))
      (install given)
    ];
}
