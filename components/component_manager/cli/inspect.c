// check, show and graph: what can be said of a manifest without starting anything.
#include "cli.h"
#include "show.h"

int cli_check(cli_t* cli) {
  realm_t realm;
  int status;
  if (!cli_load(cli, &realm, &status)) return status;
  printf("%s: %zu component%s, every route leads somewhere\n", cli->argv[0], realm.instance_count,
         realm.instance_count == 1 ? "" : "s");
  return 0;
}

static const char* describe(void* context, const realm_instance_t* instance) {
  const realm_t* realm = context;
  if (!instance->child) return cml_arena_printf(realm->arena, "(%s)", instance->path);
  return cml_arena_printf(realm->arena, "(%s%s)", instance->child->url.text,
                          instance->child->eager ? ", eager" : "");
}

int cli_show(cli_t* cli) {
  realm_t realm;
  int status;
  if (!cli_load(cli, &realm, &status)) return status;
  realm_show_tree(&realm, stdout, describe, &realm);
  fputc('\n', stdout);
  realm_show_routes(&realm, stdout);
  return 0;
}

int cli_graph(cli_t* cli) {
  realm_t realm;
  int status;
  if (!cli_load(cli, &realm, &status)) return status;
  realm_show_graph(&realm, stdout);
  return 0;
}
