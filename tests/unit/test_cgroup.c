/* What control groups leave us, read from files as several systems show them. */
#define _XOPEN_SOURCE 700
#include "numa/cgroup.h"

#include "base/mem.h"
#include "fake_root.h"
#include "numa/kernel_text.h"

#define MOUNT_2       "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
#define MOUNT_1(name) "35 31 0:32 / /sys/fs/cgroup/" name " rw,relatime - cgroup cgroup rw," name "\n"
#define STAT_2        "anon 1\nfile 70\ninactive_anon 900\ninactive_file 30\nactive_file 20\nslab_reclaimable 5\n"

TEST(numbers_are_found_by_whole_names)
{
    const char *text = "Node 0 Inactive(file):   40 kB\nNode 0 Active(file):  30 kB\nfile 7\nMemFree: 12 kB\n"
                       "Max address space         unlimited            64     bytes\nhuge 99999999999999999999\n";
    CHECK_EQ(ist__kernel_number(text, "Active(file)"), 30);
    CHECK_EQ(ist__kernel_number(text, "Inactive(file)"), 40);
    CHECK_EQ(ist__kernel_number(text, "file"), 7);
    CHECK_EQ(ist__kernel_number(text, "MemFree"), 12);
    CHECK_EQ(ist__kernel_number(text, "Free"), -1);
    CHECK_EQ(ist__kernel_number(text, "Mem"), -1);
    CHECK_EQ(ist__kernel_number(text, "Max address space"), -1);
    CHECK_EQ(ist__kernel_number(text, "huge"), INT64_MAX);
    CHECK_EQ(ist__kernel_number("", "huge"), -1);
}

TEST(files_of_any_length_are_read_whole)
{
    fake_new();
    enum { LINES = 20000 };
    static char text[LINES * 8 + 1], found[16];
    for (int i = 0; i < LINES; i++) sprintf(text + i * 8, "n%05d1\n", i);
    fake_file("/proc/long", text);
    char *back = ist__kernel_text(fake_root(), "/proc/long", NULL);
    CHECK(back != NULL);
    CHECK_EQ(strlen(back), strlen(text));
    CHECK(strcmp(back, text) == 0);
    ist__free(back);
    snprintf(found, sizeof found, "%.7s", text + 8 * (LINES - 1));
    CHECK_STR(found, "n199991");
    CHECK(ist__kernel_text(fake_root(), "/proc/none", NULL) == NULL);
}

TEST(nothing_is_limited_where_nothing_can_be_read)
{
    fake_new();
    ist__cgroup_memory m = ist__cgroup_memory_read(fake_root(), NULL);
    CHECK_EQ(m.room, -1);
    CHECK_EQ(m.limit, -1);
    CHECK_NEAR(ist__cgroup_cpus(fake_root()), 0, 0);
    fake_file("/proc/self/cgroup", "0::/user.slice\n");
    fake_file("/proc/self/mountinfo", MOUNT_2);
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, -1);
    fake_file("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    fake_file("/sys/fs/cgroup/user.slice/memory.current", "1000\n");
    fake_file("/sys/fs/cgroup/user.slice/cpu.max", "max 100000\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, -1);
    CHECK_NEAR(ist__cgroup_cpus(fake_root()), 0, 0);
}

TEST(version_2_counts_page_cache_as_room)
{
    fake_new();
    fake_file("/proc/self/cgroup", "0::/job\n");
    fake_file("/proc/self/mountinfo", MOUNT_2);
    fake_file("/sys/fs/cgroup/job/memory.max", "1000\n");
    fake_file("/sys/fs/cgroup/job/memory.current", "600\n");
    fake_file("/sys/fs/cgroup/job/memory.stat", STAT_2);
    const ist__cgroup_memory m = ist__cgroup_memory_read(fake_root(), NULL);
    CHECK_EQ(m.limit, 1000);
    CHECK_EQ(m.room, 1000 - (600 - 30 - 20 - 5));
    CHECK_EQ(m.swap, -1);
    CHECK_STR(m.folder, "/sys/fs/cgroup/job");
}

TEST(the_tightest_group_above_us_counts)
{
    fake_new();
    fake_file("/proc/self/cgroup", "0::/a/b\n");
    fake_file("/proc/self/mountinfo", MOUNT_2);
    fake_file("/sys/fs/cgroup/a/b/memory.max", "9000\n");
    fake_file("/sys/fs/cgroup/a/b/memory.current", "100\n");
    fake_file("/sys/fs/cgroup/a/memory.max", "5000\n");
    fake_file("/sys/fs/cgroup/a/memory.current", "4900\n");
    fake_file("/sys/fs/cgroup/a/memory.swap.max", "70\n");
    fake_file("/sys/fs/cgroup/a/memory.swap.current", "20\n");
    fake_file("/sys/fs/cgroup/a/b/cpu.max", "400000 100000\n");
    fake_file("/sys/fs/cgroup/a/cpu.max", "150000 100000\n");
    fake_file("/sys/fs/cgroup/cpu.max", "1000000 100000\n");
    const ist__cgroup_memory m = ist__cgroup_memory_read(fake_root(), NULL);
    CHECK_EQ(m.limit, 5000);
    CHECK_EQ(m.room, 100);
    CHECK_EQ(m.swap, 50);
    CHECK_STR(m.folder, "/sys/fs/cgroup/a");
    CHECK_NEAR(ist__cgroup_cpus(fake_root()), 1.5, 1e-12);
    /* The mount's own folder is asked too. */
    fake_file("/sys/fs/cgroup/memory.max", "60\n");
    fake_file("/sys/fs/cgroup/memory.current", "50\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, 10);
}

TEST(more_in_use_than_the_limit_leaves_nothing)
{
    fake_new();
    fake_file("/proc/self/cgroup", "0::/\n");
    fake_file("/proc/self/mountinfo", MOUNT_2);
    fake_file("/sys/fs/cgroup/memory.max", "1000\n");
    fake_file("/sys/fs/cgroup/memory.current", "1600\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, 0);
}

TEST(version_1_has_a_folder_for_each_controller)
{
    fake_new();
    fake_file("/proc/self/cgroup", "9:name=systemd:/\n4:memory:/box\n1:cpu,cpuacct:/box\n0::/elsewhere\n");
    fake_file("/proc/self/mountinfo", MOUNT_1("cpu,cpuacct") MOUNT_1("memory"));
    fake_file("/sys/fs/cgroup/memory/box/memory.limit_in_bytes", "4000\n");
    fake_file("/sys/fs/cgroup/memory/box/memory.usage_in_bytes", "3000\n");
    fake_file("/sys/fs/cgroup/memory/box/memory.stat",
              "inactive_file 1\ntotal_inactive_file 100\ntotal_active_file 10\n");
    fake_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"); /* no limit */
    fake_file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
    fake_file("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_quota_us", "50000\n");
    fake_file("/sys/fs/cgroup/cpu,cpuacct/box/cpu.cfs_period_us", "100000\n");
    fake_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us", "-1\n");
    fake_file("/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us", "100000\n");
    const ist__cgroup_memory m = ist__cgroup_memory_read(fake_root(), NULL);
    CHECK_EQ(m.limit, 4000);
    CHECK_EQ(m.room, 1110);
    CHECK_NEAR(ist__cgroup_cpus(fake_root()), 0.5, 1e-12);
}

/* In a container the mount shows a group below the hierarchy's root, under which our path is told from outside. */
TEST(a_container_sees_its_group_as_the_root)
{
    fake_new();
    fake_file("/proc/self/cgroup", "4:memory:/docker/abc/inner\n");
    fake_file("/proc/self/mountinfo", "35 31 0:32 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    fake_file("/sys/fs/cgroup/memory/memory.limit_in_bytes", "4000\n");
    fake_file("/sys/fs/cgroup/memory/memory.usage_in_bytes", "3000\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, 1000);
    fake_file("/sys/fs/cgroup/memory/inner/memory.limit_in_bytes", "400\n");
    fake_file("/sys/fs/cgroup/memory/inner/memory.usage_in_bytes", "100\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, 300);
    /* A path that has nothing to do with the mount: the mount itself. */
    fake_file("/proc/self/cgroup", "4:memory:/other\n");
    CHECK_EQ(ist__cgroup_memory_read(fake_root(), NULL).room, 1000);
}

TEST(a_long_folder_is_told_by_its_end)
{
    fake_new();
    char group[400], line[600], path[800];
    memset(group, 'x', sizeof group - 1);
    group[0] = '/';
    group[200] = '/'; /* names have 255 characters at most */
    memcpy(group + sizeof group - 5, "tail", 5);
    snprintf(line, sizeof line, "0::%s\n", group);
    fake_file("/proc/self/cgroup", line);
    fake_file("/proc/self/mountinfo", MOUNT_2);
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.max", group);
    fake_file(path, "10\n");
    snprintf(path, sizeof path, "/sys/fs/cgroup%s/memory.current", group);
    fake_file(path, "4\n");
    const ist__cgroup_memory m = ist__cgroup_memory_read(fake_root(), NULL);
    CHECK_EQ(m.room, 6);
    CHECK_EQ(strlen(m.folder), IST__CGROUP_FOLDER_BYTES - 1);
    CHECK(strncmp(m.folder, "..", 2) == 0 && strcmp(m.folder + strlen(m.folder) - 5, "xtail") == 0);
}
