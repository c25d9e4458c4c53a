{ config, lib, ... }:
let
  inherit (lib) mkOption types;
  notify = config.services.nixen.updates.notify;
in
{
  options.services.nixen.updates.notify = {
    on = mkOption {
      type = types.enum [
        "always"
        "change"
        "failure"
      ];
      default = "change";
      description = "Which updates are told: all, those that changed something or failed, or those that failed.";
    };
    ntfy.url = mkOption {
      type = types.nullOr (types.strMatching "https?://[^[:space:]]+/[^[:space:]]+");
      default = null;
      example = "https://ntfy.sh/my-nixen";
      description = "Topic of ntfy.";
    };
    ntfy.tokenFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      example = "/run/secrets/ntfy-token";
      description = "File with the access token, if the topic wants one.";
    };
    webhook.url = mkOption {
      type = types.nullOr (types.strMatching "https?://[^[:space:]]+");
      default = null;
      example = "https://hooks.example.net/nixen";
      description = "Address that gets `{ subject, body, priority, run, version }` as JSON.";
    };
    webhook.secretFile = mkOption {
      type = types.nullOr types.path;
      default = null;
      description = "File with a secret that webhooks are signed with: `Nixen-Signature: v1=` and HMAC-SHA256 of `TIMESTAMP.BODY`, the time in `Nixen-Timestamp`.";
    };
    email.to = mkOption {
      type = types.listOf types.str;
      default = [ ];
      example = [ "admin@example.net" ];
      description = "Who gets an e-mail. It is handed to a sendmail program; {option}`programs.msmtp` or a mail server makes one.";
    };
    email.from = mkOption {
      type = types.str;
      default = "nixen@${config.networking.hostName}";
      defaultText = lib.literalExpression ''"nixen@''${config.networking.hostName}"'';
      description = "Sender of the e-mail.";
    };
    email.sendmail = mkOption {
      type = types.path;
      default = "/run/wrappers/bin/sendmail";
      description = "The sendmail program.";
    };
    rendered = mkOption {
      type = types.attrsOf types.anything;
      internal = true;
      readOnly = true;
      description = "For /etc/nixen/appliance.json.";
    };
  };

  config.services.nixen.updates.notify.rendered = {
    inherit (notify) on;
    ntfy = if notify.ntfy.url == null then null else { inherit (notify.ntfy) url tokenFile; };
    webhook = if notify.webhook.url == null then null else { inherit (notify.webhook) url secretFile; };
    email = if notify.email.to == [ ] then null else { inherit (notify.email) from to sendmail; };
  };
}
