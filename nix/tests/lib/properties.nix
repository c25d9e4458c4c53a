# mkIf and its like: values that say when and how strongly they count.
let
  inherit (builtins) concatMap filter foldl' mapAttrs sort;
  typeOf = value: if builtins.isAttrs value then value._type or null else null;
in
rec {
  inherit typeOf;
  mkIf = condition: content: {
    _type = "if";
    inherit condition content;
  };
  mkMerge = contents: {
    _type = "merge";
    inherit contents;
  };
  mkOverride = priority: content: {
    _type = "override";
    inherit priority content;
  };
  mkOrder = priority: content: {
    _type = "order";
    inherit priority content;
  };
  mkOptionDefault = mkOverride 1500;
  mkDefault = mkOverride 1000;
  mkForce = mkOverride 50;
  mkBefore = mkOrder 500;
  mkAfter = mkOrder 1500;

  # A definition of a set, as sets whose values carry what stood around it.
  pushDown =
    value:
    if typeOf value == "merge" then
      concatMap pushDown value.contents
    else if typeOf value == "if" then
      map (mapAttrs (_: mkIf value.condition)) (pushDown value.content)
    else if typeOf value == "override" then
      map (mapAttrs (_: mkOverride value.priority)) (pushDown value.content)
    else
      [ value ];

  # The definitions of one option that count: conditions met, of the strongest priority, in order.
  discharge =
    definitions:
    let
      open =
        definition:
        let
          inherit (definition) value;
          within = content: open (definition // { value = content; });
        in
        if typeOf value == "merge" then
          concatMap within value.contents
        else if typeOf value == "if" then
          if value.condition then within value.content else [ ]
        else if typeOf value == "override" then
          open (definition // { value = value.content; inherit (value) priority; })
        else if typeOf value == "order" then
          map (inner: inner // { order = value.priority; }) (within value.content)
        else
          [ ({ priority = 100; order = 1000; } // definition) ];
      all = concatMap open definitions;
      strongest = foldl' (least: { priority, ... }: if priority < least then priority else least) 9999 all;
    in
    sort (a: b: a.order < b.order) (filter ({ priority, ... }: priority == strongest) all);
}
