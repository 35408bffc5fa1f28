// SPDX-License-Identifier: GPL-2.0-only
/* Checks of the kernel and the module: there, built, signed, loaded. */
#include <dirent.h>
#include <fcntl.h>
#include <regex.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#include "doctor.h"
#include "tested.h"

#define VERSION_WORDS 64

static struct {
	char release[128];
	bool tested;
	char *module;			/* below the root; NULL: there is none */
	bool built_in;
} kernel;

static void cut_line(char *text)
{
	text[strcspn(text, "\n")] = '\0';
}

/* "apt", or what the distribution calls its own. */
static const char *package_tool(void)
{
	if (has_line_with("etc/os-release", "fedora") || has_line_with("etc/os-release", "rhel"))
		return "dnf";
	if (has_line_with("etc/os-release", "suse"))
		return "zypper";
	return "apt";
}

/* Not every kernel has /proc/sys. */
static void find_release(void)
{
	char *text = read_below("proc/sys/kernel/osrelease", NULL);
	struct utsname name;

	if (!text)
		text = compose("%s", uname(&name) == 0 ? name.release : "?");
	cut_line(text);
	snprintf(kernel.release, sizeof(kernel.release), "%s", text);
	free(text);
}

static bool is_tested(const char *release)
{
	regex_t tested;
	bool is;

	if (regcomp(&tested, TESTED_KERNELS, REG_EXTENDED | REG_NOSUB))
		abort();
	is = regexec(&tested, release, 0, NULL, 0) == 0;
	regfree(&tested);
	return is;
}

/* The last kernel that it is tested on, as "7.3". */
static void find_last(char *last, size_t size)
{
	unsigned int number;
	char release[16];

	for (number = 0; number < 10000; number++) {
		snprintf(release, sizeof(release), "%u.%u", number / 100, number % 100);
		if (is_tested(release))
			snprintf(last, size, "%s", release);
	}
}

void check_kernel(void)
{
	unsigned int major = 0, minor = 0;
	char last[16] = "";

	find_release();
	find_last(last, sizeof(last));
	kernel.tested = is_tested(kernel.release);
	if (kernel.tested)
		found("kernel", FINE, NULL, NULL, "%s", kernel.release);
	else if (sscanf(kernel.release, "%u.%u", &major, &minor) == 2 &&
		 (major > 6 || (major == 6 && minor >= 1)))
		found("kernel", is_module_loaded() ? WARNING : PROBLEM,
		      compose("git pull && make install dkms-install"), NULL,
		      "Kernel %s is newer than what this shstate is tested on, and DKMS does not build for it: boot one from 6.1 to %s, or take a newer shstate.",
		      kernel.release, last);
	else
		found("kernel", PROBLEM, compose("%s upgrade", package_tool()), NULL,
		      "Kernel %s is too old: shstate needs 6.1 or later.", kernel.release);
}

static bool has_headers(void)
{
	char *path = compose("lib/modules/%s/build/Makefile", kernel.release);
	bool there = is_there(path);

	free(path);
	return there;
}

static char *install_headers(void)
{
	const char *tool = package_tool();

	if (strcmp(tool, "apt") == 0)
		return compose("apt install linux-headers-%s", kernel.release);
	return compose("%s install kernel-devel-%s", tool, kernel.release);
}

/* The line of modules.dep or modules.builtin that names it, up to the colon. */
static char *listed_in(const char *list)
{
	char *path = compose("lib/modules/%s/%s", kernel.release, list);
	char *text = read_below(path, NULL), *at = text, *line = NULL;

	free(path);
	while (at && *at && !line) {
		size_t length = strcspn(at, ":\n");
		char *name = must_have(strndup(at, length));

		if (strstr(name, "/shstate.ko"))
			line = name;
		else
			free(name);
		at = strchr(at, '\n');
		at = at ? at + 1 : NULL;
	}
	free(text);
	return line;
}

/* Where it lies although depmod(8) was not run. */
static char *unlisted(void)
{
	static const char *const places[] = { "updates", "updates/dkms", "updates/kmod", "extra",
					      "weak-updates", "kernel/drivers/misc/shstate" };
	static const char *const packed[] = { "", ".xz", ".zst", ".gz" };
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(places); i++) {
		for (n = 0; n < ARRAY_SIZE(packed); n++) {
			char *path = compose("lib/modules/%s/%s/shstate.ko%s", kernel.release,
					     places[i], packed[n]);

			if (is_there(path))
				return path;
			free(path);
		}
	}
	return NULL;
}

static bool find_module(void)
{
	char *line = listed_in("modules.builtin");

	kernel.built_in = line;
	free(line);
	line = listed_in("modules.dep");
	if (line && !kernel.built_in) {
		kernel.module = compose("lib/modules/%s/%s", kernel.release, line);
		if (!is_there(kernel.module)) {
			free(kernel.module);
			kernel.module = NULL;
		}
	}
	free(line);
	if (kernel.module || kernel.built_in)
		return true;
	kernel.module = unlisted();
	return false;
}

void check_headers(void)
{
	bool known = find_module();

	if (has_headers())
		found("headers", FINE, NULL, NULL, "lib/modules/%s/build", kernel.release);
	else if (known || kernel.module || is_module_loaded() || !kernel.tested)
		found("headers", FINE, NULL, NULL, "not installed, and not needed but to build");
	else
		found("headers", PROBLEM, install_headers(), NULL,
		      "The headers of kernel %s are not installed, so the module cannot be built.",
		      kernel.release);
}

/* The version that DKMS has of it, or of which the source is where DKMS looks. */
static bool find_version(const char *folder, const char *prefix, char *version)
{
	char *path = path_below(folder);
	struct dirent **entries;
	int count = scandir(path, &entries, NULL, versionsort), i;

	free(path);
	*version = '\0';
	for (i = 0; i < count; i++) {
		const char *name = entries[i]->d_name;

		/* Beside versions there are links "kernel-...". */
		if (strncmp(name, prefix, strlen(prefix)) == 0 && name[strlen(prefix)] >= '0' &&
		    name[strlen(prefix)] <= '9')
			snprintf(version, VERSION_WORDS, "%s", name + strlen(prefix));
		free(entries[i]);
	}
	if (count >= 0)
		free(entries);
	return *version;
}

#define LOG_LINES 10

static char *end_of_log(const char *text)
{
	const char *at = text + strlen(text);
	int lines = 0;

	/* What ends the last line is met first. */
	while (at > text && (at[-1] != '\n' || lines++ < LOG_LINES))
		at--;
	return must_have(strdup(at));
}

/* After a success the log is moved away. */
static char *failed_log(const char *version)
{
	char *path = compose("var/lib/dkms/shstate/%s/build/make.log", version);
	char *text = read_below(path, NULL), *log = NULL;

	free(path);
	if (text && strstr(text, kernel.release))
		log = end_of_log(text);
	free(text);
	return log;
}

static char *build_again(const char *version)
{
	char *headers = has_headers() ? compose("%s", "") : install_headers();
	char *command = compose("%s%sdkms install shstate/%s -k %s", headers,
				*headers ? " && " : "", version, kernel.release);

	free(headers);
	return command;
}

static void explain_missing(void)
{
	char version[VERSION_WORDS], *log;

	if (!kernel.tested) {
		found("module", PROBLEM, NULL, NULL,
		      "There is no module for kernel %s: see the kernel, above.", kernel.release);
	} else if (find_version("var/lib/dkms/shstate", "", version)) {
		log = failed_log(version);
		found("module", PROBLEM, build_again(version), log,
		      log ? "DKMS could not build shstate %s for kernel %s; its log ends:" :
			    "DKMS has shstate %s, but has not installed it for kernel %s.",
		      version, kernel.release);
	} else if (find_version("usr/src", "shstate-", version)) {
		found("module", PROBLEM, build_again(version), NULL,
		      "The source of shstate %s is in /usr/src, but was not built for kernel %s.",
		      version, kernel.release);
	} else {
		found("module", PROBLEM, compose("make dkms-install"), NULL,
		      "No module was built for kernel %s: install the package shstate-dkms, or do so in the folder of the source.",
		      kernel.release);
	}
}

void check_module(void)
{
	char *listed = listed_in("modules.dep");

	if (kernel.built_in)
		found("module", FINE, NULL, NULL, "built into the kernel");
	else if (kernel.module && listed)
		found("module", FINE, NULL, NULL, "/%s", kernel.module);
	else if (kernel.module)
		found("module", WARNING, compose("depmod -a %s", kernel.release), NULL,
		      "It is /%s, which modprobe does not know of yet.", kernel.module);
	else if (is_module_loaded())
		found("module", WARNING, compose("make install && depmod -a"), NULL,
		      "It is loaded but not installed, so the next boot will not find it.");
	else
		explain_missing();
	free(listed);
}

void check_loaded(void)
{
	char *version;

	if (!is_module_loaded()) {
		found("loaded", PROBLEM, compose("modprobe shstate"), NULL,
		      "The module is not loaded%s.",
		      kernel.module ? "" : ", for there is none to load");
		return;
	}
	version = read_below("sys/module/shstate/version", NULL);
	if (version)
		cut_line(version);
	found("loaded", FINE, NULL, NULL, "version %s", version ? version : "unknown");
	free(version);
}

/* Four bytes of attributes come before the value. */
static bool is_secure_boot(void)
{
	size_t size = 0;
	char *value = read_below("sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c",
				 &size);
	bool on = value && size > 4 && value[4] == 1;

	free(value);
	return on;
}

static bool is_locked_down(void)
{
	return has_line_with("sys/kernel/security/lockdown", "[integrity]") ||
	       has_line_with("sys/kernel/security/lockdown", "[confidentiality]");
}

static bool wants_signature(void)
{
	return is_locked_down() || has_line_with("sys/module/module/parameters/sig_enforce", "Y");
}

void check_secure_boot(void)
{
	found("secure boot", FINE, NULL, NULL, "%s; lockdown %s; %s",
	      is_secure_boot() ? "on" : "off", is_locked_down() ? "on" : "off",
	      wants_signature() ? "only signed modules are loaded" :
				  "unsigned modules are loaded too");
}

/* Begins modinfo(8), which says a signature's kind in a line, and nothing where there is none. */
static pid_t begin_modinfo(const char *module, int output)
{
	char *path = path_below(module), *places = getenv("PATH");
	char *command[] = { "modinfo", "-F", "sig_id", path, NULL };
	posix_spawn_file_actions_t actions;
	pid_t child;

	/* Where it is, which an ordinary user's shell need not know. */
	places = compose("%s:/usr/sbin:/sbin", places ? places : "/usr/bin:/bin");
	setenv("PATH", places, 1);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	if (posix_spawnp(&child, command[0], &actions, NULL, command, environ))
		child = -1;
	posix_spawn_file_actions_destroy(&actions);
	free(places);
	free(path);
	return child;
}

/* It unpacks what the kernel unpacks. */
static const char *signature_of_packed(const char *module)
{
	int ends[2], status = -1;
	pid_t child;
	char byte;
	bool is_signed;

	if (pipe2(ends, O_CLOEXEC))
		return "packed";
	child = begin_modinfo(module, ends[1]);
	close(ends[1]);
	is_signed = read(ends[0], &byte, 1) == 1;
	close(ends[0]);
	if (child > 0)
		waitpid(child, &status, 0);
	if (is_signed)
		return "signed";
	return status ? "packed" : "unsigned";
}

/* The kernel's scripts/sign-file ends a module with this. */
static const char *signature_of(const char *path)
{
	static const char mark[] = "~Module signature appended~\n";
	size_t length = strlen(path), size = 0;
	const char *is = "unsigned";
	char *module;

	if (strcmp(path + length - 3, ".ko"))
		return signature_of_packed(path);
	module = read_below(path, &size);
	if (module && size >= sizeof(mark) - 1 &&
	    memcmp(module + size - sizeof(mark) + 1, mark, sizeof(mark) - 1) == 0)
		is = "signed";
	free(module);
	return is;
}

/* The firmware's list holds certificates as they are, DER, among other things. */
static bool is_enrolled(void)
{
	size_t list_size = 0, key_size = 0;
	char *list = read_below("sys/firmware/efi/efivars/MokListRT-605dab50-e046-4300-abb6-3dd810dd8b23",
				&list_size);
	char *key = read_below("var/lib/dkms/mok.pub", &key_size);
	bool enrolled = list && key && key_size && memmem(list, list_size, key, key_size);

	free(list);
	free(key);
	return enrolled;
}

#define LESS_ENFORCING "sed -Ei 's/(module.sig_enforce|lockdown)(=\\w+)?//' "

/* Of a boot loader that is not known: where the arguments may stand. */
static char *boot_without_enforcing(void)
{
	if (is_there("etc/default/grub"))
		return compose(LESS_ENFORCING "/etc/default/grub && grub-mkconfig -o /boot/grub/grub.cfg && reboot");
	if (is_there("etc/kernel/cmdline"))
		return compose(LESS_ENFORCING "/etc/kernel/cmdline && kernel-install add %s /boot/vmlinuz-%s && reboot",
			       kernel.release, kernel.release);
	return compose("grep -rIlE 'module.sig_enforce|lockdown=' /boot /etc");
}

void check_signature(void)
{
	const char *is = kernel.module ? signature_of(kernel.module) : NULL;
	char version[VERSION_WORDS];

	if (!is)
		return;
	if (!wants_signature() || is_module_loaded()) {
		found("signature", FINE, NULL, NULL, "%s", is);
	} else if (!is_there("sys/firmware/efi")) {
		found("signature", PROBLEM, boot_without_enforcing(), NULL,
		      "The kernel was told to load only modules signed by a key that it knows, and without UEFI none can be enrolled: take module.sig_enforce or lockdown= out of its arguments.");
	} else if (strcmp(is, "unsigned") == 0) {
		if (!find_version("var/lib/dkms/shstate", "", version))
			snprintf(version, sizeof(version), "%d.%d", SHS_VERSION_MAJOR,
				 SHS_VERSION_MINOR);
		found("signature", PROBLEM,
		      compose("%sdkms install --force shstate/%s -k %s",
			      is_there("var/lib/dkms/mok.pub") ? "" : "dkms generate_mok && ",
			      version, kernel.release),
		      NULL, "The module is not signed, and this kernel loads signed ones only: have DKMS sign it.");
	} else if (!is_enrolled()) {
		found("signature", PROBLEM,
		      compose("mokutil --import /var/lib/dkms/mok.pub && reboot"), NULL,
		      "The key of DKMS is not enrolled, so the kernel rejects the module: import it, and choose 'Enroll MOK' at the next boot.");
	} else {
		found("signature", FINE, NULL, NULL, "%s, by a key that is enrolled", is);
	}
}
