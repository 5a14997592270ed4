"""What the checks say about each mistake that they know by name (Chinese, for students)."""

_CATALOGUE = """
padding_forgotten | 忘了零填充 | 填充 P 没有起作用。先在四周补 P 圈零，再滑动窗口。
padding_one_side | 只填充了一侧 | 上下左右都要补 P 个零，所以每个方向一共多出 2P。
padding_one_axis | 只填充了一个方向 | 高和宽都要填充。
padding_edge | 填充的不是零（复制了边缘） | 零填充补的是 0，不是复制边缘的像素。
padding_not_zero | 填充的不是零 | 四周补的应是 0；你补进来的是图边上的像素（复制或镜像）。
padding_reflect | 填充的不是零（镜像） | 零填充补的是 0，不是把图像反射过去。
padding_wrap | 填充的不是零（从另一边绕回来） | 零填充补的是 0；下标为负数时 Python 会从末尾数起，np.roll 也会循环。
padding_doubled | 填充加了两遍 | 四周各补 P 圈零，只补一次；补完之后的大小已经含了 2P。
stride_ignored | 忘了步长 | 窗口每次应移动 S 格：输出 (i, j) 对应的窗口从 (i·S, j·S) 开始。
stride_one_axis | 步长只用在了一个方向上 | 行和列都要乘步长：i·S 和 j·S。
stride_not_in_index | 步长只改变了输出大小 | 输出大小对了，但窗口仍从 (i, j) 开始。应从 (i·S, j·S) 开始。
kernel_flipped | 卷积核翻转了 | 深度学习里的“卷积”是互相关（cross-correlation），核不翻转：X[i+u, j+v] 乘 W[u, v]。
kernel_transposed | 核的行列弄反了（转置） | X[i+u, j+v] 乘 W[u, v]，第一个下标是行。
rows_columns_swapped | 行列弄反了 | 第一个下标是行（高），第二个是列（宽）。检查循环的范围和下标的次序。
dilation_ignored | 忘了空洞率 | 核的元素之间要隔开：用 X[i+d·u, j+d·v]。
dilation_off_by_one | 空洞率差一 | dilation=1 就是普通卷积；相邻两个核元素相距 d 格，而不是 d+1 格。
window_overwritten | 窗口里的乘积没有累加 | 每个输出是 U·V 个乘积的**和**：累加用 +=；用 = 只留下最后一个乘积。
size_off_by_one | 输出大小差一 | 逐项核对求大小的式子：窗口一共跨过几格（有空洞率时不是 U），填充在除以步长之前还是之后，末尾的 +1，循环的起点和终点。
bias_missing | 忘了偏置 | 每张输出特征图还要加上它自己的偏置 b[p]。
bias_per_tap | 偏置加了不止一次 | 偏置被放进了最里层的循环。每个输出像素只加一次 b[p]：先求和，最后再加。
bias_per_channel | 每个输入通道都加了一次偏置 | D 个通道的结果先相加，然后只加一次 b[p]。
bias_same_for_all | 所有输出特征图用了同一个偏置 | 第 p 张特征图加 b[p]，不是都加 b[0] 或 b 的和。
bias_wrong_axis | 偏置加在了错误的轴上 | 形状 [P] 的偏置会按最后一轴（宽）广播。先变成 [1, P, 1, 1]，再相加。
channels_not_summed | 输入通道没有求和 | 一张输出特征图是 D 个通道各自卷积后的和，不是其中一个，也不是分开保留。
channels_overwritten | 后一个通道覆盖了前一个 | 累加要用 +=；用 = 时只留下最后一个通道的结果。
channels_averaged | 通道取了平均 | D 个通道的结果应当相加，不除以 D。
channels_mixed | 混进了别的通道 | 核的第 d 个通道只乘输入的第 d 个通道。
samples_mixed | 混进了别的样本 | 每个样本各算各的，批的轴上不求和、不平均。
only_first_sample | 只算了批里的第一张图 | 对批里的每一个样本都要算：N 个，不只是第 0 个。
output_maps_same | 所有输出特征图用了同一个核 | 第 p 张输出特征图用 W[p]，不是都用 W[0]。
pooling_by_sum | 汇聚成了求和 | 平均汇聚要除以窗口里的元素个数 U·V。
pooling_divisor | 除数不对 | 窗口有 U·V 个元素，就除以 U·V（不是 U，也不是步长的平方）。
not_linear | 结果不是线性的 | 输入加倍，你的结果没有加倍：检查有没有取整、取最大值、绝对值、平方或 ReLU。
terms | 加起来的项不对 | 对照下面的两个式子，看哪一项少了、多了。
gradient_overwritten | 梯度被覆盖而没有累加 | 同一个元素参与了好几个窗口（或样本），每次的贡献要用 += 累加。
sum_instead_of_mean | 求了和而没有取平均 | 要的是批上的平均值：除以样本数 N。
count_instead_of_fraction | 返回的是个数 | 准确率是“答对的个数 ÷ 样本数”。
percent_instead_of_fraction | 返回的是百分数 | 这里要 0 到 1 之间的小数，不乘 100。
input_changed | 改动了输入 | 函数把传进来的数组原地（in-place）改掉了。先复制一份（X.clone() 或 X.copy()），再修改。
wrong_dtype | 数据类型不对 | 转成整数（int()、整数数组、//）会丢掉小数部分；反过来，该是整数的地方不要返回小数。
sign_flipped | 符号反了 | 每个值都恰好是期望值的相反数。
off_by_one | 结果差一 | 检查公式末尾的 +1，和循环的起点、终点。
scaled | 差一个固定的倍数 | 检查是求和还是平均，以及系数。
shifted | 差一个固定的常数 | 检查有没有漏加或多加一个常数。
wrong_shape | 形状不对 | 先打印返回值的形状，与期望的形状逐轴比较。
extra_axis | 多了或少了长度为 1 的轴 | 数值都对，只是形状不同：用 reshape 或 squeeze 调整。
axes_moved | 轴的次序不对 | 数值都对，但轴换了位置：用 transpose 换回来（不是 reshape）。
not_finite | 出现了 NaN 或无穷大 | 检查有没有除以 0、对 0 或负数取对数或开方。
outputs_swapped | 返回值的次序不对 | 数值是对的，但几个返回值的前后次序弄反了。
wrong_number_of_outputs | 返回值的个数不对 | 按题目的次序返回全部结果，用逗号分开。
wrong_type | 返回值的类型不对 | 请返回数、NumPy 数组或 Paddle 张量。
wrong_signature | 参数与题目不一致 | 保留题目给出的函数名后面的参数表。
not_callable | 交来的不是函数 | 写函数的名字本身，不加括号：check.run('5.1-1', my_function)。
not_a_class | 交来的不是类 | 题目要的是一个类：写 `class` 定义它，交类的名字本身，不加括号，不是函数，也不是对象。
exception | 运行时出错 | 代码在某个例子上抛出了异常。
too_slow | 运行太久，被停止了 | 检查循环的终止条件：while 里的变量有没有改变？
no_return | 函数没有返回值 | 函数体已经写了，但返回的是 None：末尾是不是忘了 return？
unfinished | 尚未完成 | 把 `...` 换成你的代码，再运行这个单元格。
unknown | 与期望不同 | 没有认出是哪一种错误。取出这个例子，手算一个位置，与代码对照。
"""

#: key of a diagnosis -> (name, what happened and what to do)
DIAGNOSES = {
    key: (name, advice)
    for key, name, advice in (line.split(" | ") for line in _CATALOGUE.strip().splitlines())
}


def describe(key, own=None):
    """Name and advice of a diagnosis.

    Parameters
    ----------
    key : str
        A key of `DIAGNOSES` or an author's own words, or several of these joined by '+'.
    own : str, optional
        Advice that replaces the catalogue's.

    Returns
    -------
    (name, advice) : tuple of str
    """
    parts = key.split("+") if any(part in DIAGNOSES for part in key.split("+")) else [key]
    known = [DIAGNOSES.get(part, (part, "")) for part in parts]
    name = "，并且".join(name for name, _ in known)
    return name, own or " ".join(advice for _, advice in known if advice)
