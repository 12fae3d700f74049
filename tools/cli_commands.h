/* cli_commands.h - the verbs.  Each takes the words behind it, argv[0] the first, and returns the exit status. */
#ifndef IST_TOOLS_CLI_COMMANDS_H
#define IST_TOOLS_CLI_COMMANDS_H

int cmd_train(int argc, char **argv);
int cmd_eval(int argc, char **argv);
int cmd_predict(int argc, char **argv);
int cmd_convert(int argc, char **argv);
int cmd_generate(int argc, char **argv);
int cmd_export(int argc, char **argv);
int cmd_import(int argc, char **argv);
int cmd_info(int argc, char **argv);
int cmd_demo(int argc, char **argv);

#endif
